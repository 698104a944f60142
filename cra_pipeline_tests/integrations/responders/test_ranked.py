"""Scope calls are answered by the ranking; everything else is somebody else's."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from aiohttp import web

from cra_pipeline.contracts.calls import ModelAnswer
from cra_pipeline.errors import ModelError
from cra_pipeline.integrations.ranking.shelves import Shelf, Shelves
from cra_pipeline.integrations.responders.endpoint import Endpoint
from cra_pipeline.integrations.responders.ingredients import Ingredients
from cra_pipeline.integrations.responders.margins import MarginServer
from cra_pipeline.integrations.responders.ranked import RankedResponder
from cra_pipeline.integrations.responders.table import load_responder
from cra_pipeline.ranking.prompts import QUESTION, SYSTEM
from cra_pipeline_tests.histories import free_port
from cra_pipeline_tests.integrations.gateway.clients import Scripted
from cra_pipeline_tests.integrations.ranking.histories_made import made_history
from cra_pipeline_tests.integrations.responders.servers import (
    KEY,
    Server,
    completion,
    model_server,
    request,
)


def asks(path: str, **changed: object) -> dict[str, object]:
    task = "Task: Parse the lines in the parser\nIntent: less"
    prompt = f"{task}\n\nFile: {path} (language=python, tier=2)"
    return {"prompt": prompt, **changed}


def answer(responder: RankedResponder, **changed: object) -> ModelAnswer:
    return asyncio.run(responder.answer(request(**changed)))


def shelves(folder: Path) -> Shelves:
    return Shelves(Shelf(made_history(folder)[0]))


def shown(*tokens: tuple[str, float]) -> dict[str, object]:
    """A reply that shows log-probabilities of its first token."""
    places = [{"top_logprobs": [{"token": text, "logprob": value} for text, value in tokens]}]
    choice = {
        "index": 0, "message": {"role": "assistant", "content": "no"}, "finish_reason": "length",
        "logprobs": {"content": places},
    }  # fmt: skip
    return completion(choices=[choice])


async def margins(server: Server, *, key: str = "") -> float:
    endpoint = Endpoint(base_url=server.url, model="scope-v1", key_variable="K" if key else "")
    asked = MarginServer(endpoint, {"K": key})
    try:
        return await asked.margin(SYSTEM, "File: a.py")
    finally:
        await asked.close()


def served(body: object, status: int = 200) -> float:
    async def handle(_: web.Request) -> web.Response:  # aiohttp wants a coroutine
        return web.json_response(body, status=status)

    async def run() -> float:
        async with model_server(handle) as server:
            return await margins(server)

    return asyncio.run(run())


def test_the_file_that_the_task_speaks_of_gets_a_yes_and_another_a_no(tmp_path: Path) -> None:
    responder = RankedResponder(shelves(tmp_path))
    yes, no = (answer(responder, **asks(f"pkg/{name}.py")) for name in ("parser", "session"))

    assert (yes.text, no.text) == ("yes", "no")
    assert (yes.responder, yes.model) == ("ranked", "ranked")


def test_a_file_that_is_not_ranked_gets_a_no_or_the_others_answer(tmp_path: Path) -> None:
    mine = shelves(tmp_path)
    other = RankedResponder(mine, otherwise=Scripted(lambda _: "maybe"))

    assert answer(RankedResponder(mine), **asks("tests/test_parser.py")).text == "no"
    assert answer(other, **asks("tests/test_parser.py")).text == "maybe"


def test_another_kind_of_call_is_the_others(tmp_path: Path) -> None:
    mine = shelves(tmp_path)
    other = RankedResponder(mine, otherwise=Scripted(lambda _: "maybe"))

    assert answer(other, call_kind="implement").text == "maybe"
    with pytest.raises(ModelError, match="answers scope calls only, not implement"):
        answer(RankedResponder(mine), call_kind="implement")


def test_a_prompt_without_a_file_or_an_attempt_without_a_repository_is_an_error(
    tmp_path: Path,
) -> None:
    with pytest.raises(ModelError, match="no scope call"):
        answer(RankedResponder(shelves(tmp_path)), prompt="Say hello")
    with pytest.raises(ModelError, match="attempt 'a1' names no repository"):
        answer(RankedResponder(Shelves()), **asks("pkg/parser.py"))


def test_a_clone_that_is_gone_is_an_error_of_the_model(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="ranked: "):
        answer(RankedResponder(Shelves(Shelf(tmp_path / "gone"))), **asks("pkg/parser.py"))


def test_the_margin_of_a_served_model_decides(tmp_path: Path) -> None:
    async def handle(asked: web.Request) -> web.Response:
        prompt = (await asked.json())["messages"][1]["content"]
        sure = 0.0 if "session.py" in prompt else -30.0
        return web.json_response(shown(("yes", sure), ("no", -15.0)))

    async def run() -> tuple[list[ModelAnswer], list[dict[str, object]]]:
        async with model_server(handle) as server:
            endpoint = Endpoint(base_url=server.url, model="m", models={"scope": "scope-v1"})
            responder = RankedResponder(shelves(tmp_path), MarginServer(endpoint, {}))
            names = ("session", "parser")
            said = [await responder.answer(request(**asks(f"pkg/{name}.py"))) for name in names]
            await responder.close()
            return said, server.bodies

    said, bodies = asyncio.run(run())
    messages = bodies[0]["messages"]

    assert [(one.text, one.model) for one in said] == [("yes", "scope-v1"), ("no", "scope-v1")]
    assert isinstance(messages, list)
    assert messages[0]["content"] == SYSTEM
    assert messages[1]["content"].endswith(QUESTION)


@pytest.mark.parametrize(
    ("tokens", "expected"),
    [
        ((("yes", -0.5), ("no", -1.5)), 1.0),
        (((" Yes", -0.5), ("yes", -2.0), ("maybe", -4.0)), 3.5),
        ((("no", -0.25), ("The", -3.0)), -2.75),
    ],
)
def test_a_word_that_is_not_shown_counts_as_the_least_shown(
    tokens: tuple[tuple[str, float], ...], expected: float
) -> None:
    assert served(shown(*tokens)) == expected


@pytest.mark.parametrize(
    ("body", "status", "reason"),
    [
        (shown(("The", -0.1)), 200, "neither yes nor no among 1 tokens"),
        (completion(), 200, "no log-probabilities in the reply"),
        ({}, 503, "status 503, expected 200"),
    ],
)
def test_a_server_that_shows_nothing_of_use_is_an_error(
    body: object, status: int, reason: str
) -> None:
    with pytest.raises(ModelError, match=reason):
        served(body, status)


def test_a_server_that_is_gone_is_an_error_and_tells_no_key() -> None:
    server = Server()
    server.url = f"http://127.0.0.1:{free_port()}/v1"

    with pytest.raises(ModelError, match="ClientConnectorError") as told:
        asyncio.run(margins(server, key=KEY))
    assert KEY not in str(told.value)


def test_it_is_built_alone_with_another_for_the_rest_and_in_a_mixture_without(
    tmp_path: Path,
) -> None:
    mine = shelves(tmp_path)
    alone = load_responder("ranked", Ingredients(shelves=mine, otherwise="gold"))
    mixed = load_responder(
        "ranked", Ingredients(shelves=mine, by_kind={"scope": "ranked"}, otherwise="gold")
    )

    assert isinstance(alone, RankedResponder)
    assert isinstance(mixed, RankedResponder)
    assert alone.otherwise is not None
    assert mixed.otherwise is None
    with pytest.raises(ValueError, match="a server and a model to rank with one"):
        load_responder("ranked", Ingredients(shelves=mine, rank_with_model=True))
    with pytest.raises(ValueError, match="cannot be asked for what it has no answer to"):
        load_responder("ranked", Ingredients(shelves=mine, otherwise="ranked"))
