"""How likely each token was: as the model itself has it, and as the ranking asks for it."""

from __future__ import annotations

import asyncio
import math
from functools import partial
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from aiohttp import web

from cra_pipeline.contracts.calls import ModelAnswer
from cra_pipeline.integrations.gateway.listening import listen_loopback
from cra_pipeline.integrations.model_server.app import ServerApp
from cra_pipeline.integrations.model_server.decoding import Said, Wanted
from cra_pipeline.integrations.model_server.engine import OneThread
from cra_pipeline.integrations.model_server.model import LoadedModel
from cra_pipeline.integrations.model_server.policy import ServerPolicy
from cra_pipeline.integrations.ranking.shelves import Shelf, Shelves
from cra_pipeline.integrations.responders.endpoint import Endpoint
from cra_pipeline.integrations.responders.ingredients import Ingredients
from cra_pipeline.integrations.responders.margins import MarginServer
from cra_pipeline.integrations.responders.ranked import RankedResponder
from cra_pipeline.integrations.responders.table import load_responder
from cra_pipeline.ranking import prompts as ranking
from cra_pipeline_tests.integrations.model_server.models import PROMPT, SYSTEM, prompt_ids
from cra_pipeline_tests.integrations.ranking.histories_made import made_history
from cra_pipeline_tests.integrations.responders.servers import request

pytestmark = pytest.mark.slow  # torch is imported

MESSAGES = [{"role": "system", "content": SYSTEM}, {"role": "user", "content": PROMPT}]


class Silent(OneThread):
    """An engine that tells no log-probabilities, as llama-server's."""

    async def answer(self, name: str, wanted: Wanted) -> Said:
        """The answer alone."""
        found = await super().answer(name, wanted)
        return Said(text=found.text, ids=found.ids, finish=found.finish)


def served(engine: OneThread, **more: object) -> tuple[int, Any]:
    """Status and body of one chat."""
    told = {"messages": MESSAGES, "max_tokens": 3, "temperature": 0, **more}

    async def ask(port: int) -> tuple[int, Any]:
        url = f"http://127.0.0.1:{port}/v1/chat/completions"
        async with aiohttp.ClientSession() as session, session.post(url, json=told) as reply:
            return reply.status, await reply.json()

    found: tuple[int, Any] = asyncio.run(with_server(engine, ask))
    return found


async def with_server(engine: OneThread, work: Any) -> Any:  # noqa: ANN401  # a coroutine's
    application = ServerApp(engine, token="t", policy=ServerPolicy()).application()  # noqa: S106  # none
    runner = web.AppRunner(application, access_log=None)
    await runner.setup()
    listening = listen_loopback(0)
    await web.SockSite(runner, listening).start()
    try:
        return await work(listening.getsockname()[1])
    finally:
        await runner.cleanup()


def own(model: LoadedModel, name: str, prompt: tuple[int, ...]) -> dict[int, float]:
    """The model's log-probabilities of the first token of its answer, by token."""
    import torch

    model.answer(name, Wanted(prompt=prompt, most=1), lambda: False)  # switches the adapter on
    with torch.inference_mode():
        logits = model._model(input_ids=torch.tensor([prompt])).logits[0, -1].double()
    return dict(enumerate(torch.log_softmax(logits, dim=-1).tolist()))


@pytest.mark.parametrize("named", ["tiny", "scope-v1"])
def test_each_token_has_the_models_own_log_probability(
    model: LoadedModel, base: Path, named: str
) -> None:
    expected = own(model, named, prompt_ids(base))
    plain = served(OneThread(model), model=named)[1]
    status, body = served(OneThread(model), model=named, logprobs=True, top_logprobs=20)
    first = body["choices"][0]["logprobs"]["content"][0]
    likeliest = sorted(expected.items(), key=lambda pair: -pair[1])[:20]
    shown = first["top_logprobs"]

    assert status == 200
    assert body["choices"][0]["message"] == plain["choices"][0]["message"]
    assert plain["choices"][0]["logprobs"] is None
    assert len(body["choices"][0]["logprobs"]["content"]) == body["usage"]["completion_tokens"]
    assert [one["token"] for one in shown] == [
        model.chat.decode((token,)) for token, _ in likeliest
    ]
    assert all(
        math.isclose(one["logprob"], value, abs_tol=1e-4)
        for one, (_, value) in zip(shown, likeliest, strict=True)
    )
    assert (first["token"], first["logprob"]) == (shown[0]["token"], shown[0]["logprob"])


def test_a_drawn_token_is_told_as_the_model_has_it_without_the_temperature(
    model: LoadedModel,
) -> None:
    likely = served(OneThread(model), model="tiny", logprobs=True, top_logprobs=1)[1]
    drawn = served(
        OneThread(model), model="tiny", logprobs=True, top_logprobs=1, temperature=2.0, seed=5
    )[1]
    first, other = (
        body["choices"][0]["logprobs"]["content"][0]["top_logprobs"] for body in (likely, drawn)
    )

    assert first == other


def test_without_their_number_no_likeliest_are_told(model: LoadedModel) -> None:
    body = served(OneThread(model), model="tiny", logprobs=True)[1]
    places = body["choices"][0]["logprobs"]["content"]

    assert {len(place["top_logprobs"]) for place in places} == {0}
    assert all(place["logprob"] <= 0.0 for place in places)


@pytest.fixture(scope="module")
def taught(base: Path) -> LoadedModel:
    """The base, taught in a second to say yes of the parser and no of the session."""
    import torch

    loaded = LoadedModel(base, "tiny", window=4096, precision="float32")
    rows = [
        (prompt_ids(base, ranking.SYSTEM, scope_question(name)), loaded.chat.text_ids(word)[0])
        for name, word in (("parser", "yes"), ("session", "no"))
    ]
    steps = torch.optim.Adam(loaded._model.parameters(), lr=0.003)
    for _ in range(12):
        for prompt, word in rows:
            logits = loaded._model(input_ids=torch.tensor([prompt])).logits[0, -1]
            torch.nn.functional.cross_entropy(logits, torch.tensor(word)).backward()  # type: ignore[no-untyped-call]  # torch has no types
        steps.step()
        steps.zero_grad()
    return loaded


def scope_question(name: str) -> str:
    return f"Task: Parse the lines\n\nFile: pkg/{name}.py\n{ranking.QUESTION}"


def test_the_ranking_gets_its_margin(taught: LoadedModel, base: Path) -> None:
    async def margin(prompt: str, port: int) -> float:
        endpoint = Endpoint(base_url=f"http://127.0.0.1:{port}/v1", model="tiny")
        asking = MarginServer(endpoint, {})
        try:
            return await asking.margin(ranking.SYSTEM, prompt)
        finally:
            await asking.close()

    for name, sign in (("parser", 1), ("session", -1)):
        prompt = scope_question(name)
        told = own(taught, "tiny", prompt_ids(base, ranking.SYSTEM, prompt))
        least = sorted(told.values())[-20]
        words = {taught.chat.decode((token,)).strip().lower(): [0.0] for token in told}
        for token, value in told.items():
            words[taught.chat.decode((token,)).strip().lower()].append(value)
        yes, no = (max(*words[word][1:], least) for word in ("yes", "no"))
        found = asyncio.run(with_server(OneThread(taught), partial(margin, prompt)))

        assert math.isclose(found, yes - no, abs_tol=1e-4)
        assert found * sign > 0


def test_a_ranked_scope_call_is_answered_with_the_server(
    taught: LoadedModel, tmp_path: Path
) -> None:
    shelves = Shelves(Shelf(made_history(tmp_path)[0]))

    async def answers(port: int) -> list[ModelAnswer]:
        endpoint = Endpoint(base_url=f"http://127.0.0.1:{port}/v1", model="tiny")
        told = Ingredients(endpoint=endpoint, shelves=shelves, rank_with_model=True)
        responder = load_responder("ranked", told)
        assert isinstance(responder, RankedResponder)
        try:
            return [
                await responder.answer(request(call_kind="scope", prompt=prompt.format(name)))
                for name in ("parser", "session")
            ]
        finally:
            await responder.close()

    prompt = "Task: Parse the lines\nIntent: less\n\nFile: pkg/{}.py (language=python, tier=2)"
    found = asyncio.run(with_server(OneThread(taught), answers))

    assert {answer.text for answer in found} <= {"yes", "no"}
    assert {(answer.responder, answer.model) for answer in found} == {("ranked", "tiny")}


def test_a_server_that_tells_none_refuses_and_says_so(model: LoadedModel) -> None:
    status, body = served(Silent(model), model="tiny", logprobs=True)

    assert status == 400
    assert "this server tells none" in body["error"]["message"]
