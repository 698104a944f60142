"""A model server may do what it likes: an answer comes of it, or a clear model error."""

from __future__ import annotations

import asyncio
import logging
import time
import traceback
from collections.abc import Coroutine
from typing import Any, TypeVar

import pytest

from cra_pipeline.contracts.calls import ModelAnswer
from cra_pipeline.errors import ModelError
from cra_pipeline.integrations.responders.endpoint import Endpoint
from cra_pipeline.integrations.responders.openai import OpenAIResponder
from cra_pipeline_tests.integrations.responders.servers import (
    KEY,
    Handler,
    Server,
    completion,
    cuts_off,
    drips,
    echoes_key,
    floods,
    hangs,
    model_server,
    request,
    says,
    sends,
    tells_key,
)

T = TypeVar("T")

CHOICE = {"message": {"content": "yes"}, "finish_reason": "stop"}


def run(work: Coroutine[Any, Any, T]) -> T:
    return asyncio.run(asyncio.wait_for(work, 30))


async def asked(*handlers: Handler, times: int = 1, **terms: Any) -> tuple[Server, Any]:  # noqa: ANN401  # answers or errors
    """What comes of asking some times at once."""
    settings: dict[str, Any] = {"model": "student", "wait_s": 0.01, "timeout_s": 5.0} | terms
    async with model_server(*handlers) as server:
        responder = OpenAIResponder(Endpoint(base_url=server.url, **settings), {"KEY": KEY})
        try:
            results = await asyncio.gather(
                *(responder.answer(request()) for _ in range(times)), return_exceptions=True
            )
        finally:
            await responder.close()
    return server, results if times > 1 else results[0]


def test_a_good_answer_tells_who_gave_it_and_what_it_took() -> None:
    server, answer = run(asked(says(completion()), stop=("<|im_end|>",), extra_body={"top_k": 1}))

    assert answer == ModelAnswer(
        text="yes", prompt_tokens=11, completion_tokens=2, model="student-1", responder="openai"
    )
    assert server.bodies == [
        {
            "model": "student", "max_tokens": 16, "temperature": 0.3, "seed": 7, "stream": False,
            "stop": ["<|im_end|>"], "top_k": 1,
            "messages": [
                {"role": "system", "content": "You judge."},
                {"role": "user", "content": "File: till.py"},
            ],
        }
    ]  # fmt: skip
    assert "Authorization" not in server.headers[0]


def test_the_adapter_follows_from_the_call_kind() -> None:
    server, _ = run(asked(says(completion()), models={"scope": "scope-v3"}))

    assert server.bodies[0]["model"] == "scope-v3"


@pytest.mark.parametrize(
    ("handler", "reason"),
    [
        (sends(b"rubbish"), "status 200, but no chat completion"),
        (sends(b"<html><h1>502 Bad Gateway</h1></html>"), "<h1>502 Bad Gateway</h1>"),
        (sends(b""), "no chat completion"),
        (sends(b"\xff\xfe\x00", "application/json"), "no chat completion"),
        (says([]), "no chat completion"),
        (says({"error": {"message": "model is loading"}}), "model is loading"),
        (says(completion(choices=[])), "choices"),
        (says(completion(choices=[{}])), "choices.0.message"),
        (says(completion(choices=[CHOICE | {"finish_reason": None}])), "finish_reason None"),
        (
            says(completion(choices=[CHOICE | {"finish_reason": "content_filter"}])),
            "content_filter",
        ),
        (says(completion(None)), "no text in the answer"),
        (says(completion(usage={"prompt_tokens": -1})), "usage.prompt_tokens"),
        (
            sends(b'{"choices":[{"message":{"content":"\\ud800"},"finish_reason":"stop"}]}'),
            "Invalid JSON",
        ),
        (says({}, 400), "status 400"),
        (says({"detail": "no such model"}, 404), "no such model"),
        (says({}, 302, {"Location": "http://192.0.2.1/"}), "status 302"),
        (floods, "longer than"),
    ],
)
def test_what_cannot_be_used_is_a_model_error_and_not_asked_again(
    handler: Handler, reason: str
) -> None:
    server, error = run(asked(handler))

    assert isinstance(error, ModelError)
    assert reason in str(error)
    assert server.url in str(error)
    assert len(server.bodies) == 1


@pytest.mark.parametrize("handler", [hangs, drips])
def test_a_slow_server_is_given_up(handler: Handler) -> None:
    server, error = run(asked(handler, timeout_s=0.3))

    assert isinstance(error, ModelError)
    assert "no whole answer in 0.3 s" in str(error)
    assert len(server.bodies) == 1


@pytest.mark.parametrize(
    "bad", [cuts_off, says({}, 429), says({}, 500), sends(b"<html>", status=503)]
)
def test_a_passing_fault_is_tried_again(bad: Handler) -> None:
    server, answer = run(asked(bad, bad, says(completion())))

    assert answer.text == "yes"
    assert len(server.bodies) == 3


@pytest.mark.parametrize(
    ("bad", "reason"), [(cuts_off, "broke off"), (says({"busy": 1}, 429), 'status 429: \'{"busy"')]
)
def test_a_fault_that_does_not_pass_ends_as_a_model_error(bad: Handler, reason: str) -> None:
    server, error = run(asked(bad, tries=3))

    assert isinstance(error, ModelError)
    assert reason in str(error)
    assert len(server.bodies) == 3


def test_a_server_that_is_not_there_is_a_model_error() -> None:
    async def work() -> None:
        async with model_server(hangs) as server:
            url = server.url
        endpoint = Endpoint(base_url=url, model="m", tries=2, wait_s=0.01)
        responder = OpenAIResponder(endpoint, {})
        with pytest.raises(ModelError, match="cannot be reached"):
            await responder.answer(request())
        await responder.close()

    run(work())


def test_the_servers_own_wish_to_wait_is_heeded() -> None:
    began = time.monotonic()
    _, answer = run(asked(says({}, 429, {"Retry-After": "1"}), says(completion())))

    assert answer.text == "yes"
    assert time.monotonic() - began >= 1


@pytest.mark.parametrize("wish", ["soon", "-1", "Wed, 21 Oct 2026 07:28:00 GMT", "0", "1e9"])
def test_a_wish_that_is_no_number_is_passed_over(wish: str) -> None:
    _, answer = run(asked(says({}, 429, {"Retry-After": wish}), says(completion())))

    assert answer.text == "yes"


def test_an_answer_a_megabyte_long_is_cut_and_says_so() -> None:
    _, answer = run(asked(says(completion("no " * 400_000))))

    assert answer.finish == "length"
    assert len(answer.text) == 16 * 32


@pytest.mark.parametrize("content", ["half an ans", None])
def test_an_answer_that_was_cut_off_says_so(content: str | None) -> None:
    message = {"content": content, "reasoning_content": "hm"}
    body = completion(choices=[{"message": message, "finish_reason": "length"}])
    _, answer = run(asked(says(body)))

    assert (answer.text, answer.thinking, answer.finish) == (content or "", "hm", "length")


@pytest.mark.parametrize("reported", ["base", "student-2"])
def test_another_model_than_the_one_asked_for_can_be_refused(reported: str) -> None:
    _, error = run(asked(says(completion(model=reported)), own_model_only=True))
    _, answer = run(asked(says(completion(model=reported))))

    assert isinstance(error, ModelError)
    assert f"asked for model student, but {reported} answered" in str(error)
    assert answer.model == reported


def test_no_more_requests_are_under_way_than_allowed() -> None:
    async def briefly(_: Any) -> Any:  # noqa: ANN401  # a handler
        await asyncio.sleep(0.05)
        return await says(completion())(_)

    server, answers = run(asked(briefly, times=9, concurrency=3))

    assert server.most == 3
    assert [answer.text for answer in answers] == ["yes"] * 9


def test_requests_keep_their_distance() -> None:
    began = time.monotonic()
    _, answers = run(asked(says(completion()), times=5, requests_per_minute=600))

    assert len(answers) == 5
    assert time.monotonic() - began >= 0.4


def test_nothing_is_asked_beyond_the_spend_limit() -> None:
    # Each answer costs 2 * 1e6 / 1e6 = 2; before it is known, 16 may be set aside.
    prices = {"completion_price": 1_000_000.0, "spend_limit": 37.0}
    server, results = run(asked(says(completion()), times=30, concurrency=1, **prices))
    errors = [str(result) for result in results if isinstance(result, ModelError)]

    assert len(server.bodies) == 11  # 11 * 2 = 22 spent: 16 more would pass 37
    assert len(errors) == 19
    assert all(error.startswith("spend limit reached: 22.0000 spent") for error in errors)


def test_a_refused_try_costs_nothing_and_a_broken_one_all_it_may() -> None:
    async def spent(*handlers: Handler) -> float:
        async with model_server(*handlers) as server:
            endpoint = Endpoint(
                base_url=server.url, model="m", tries=1, timeout_s=0.3, completion_price=1e6
            )
            responder = OpenAIResponder(endpoint, {})
            with pytest.raises(ModelError):
                await responder.answer(request())
            await responder.close()
            return float(responder.spent)

    assert [run(spent(handler)) for handler in (says({}, 429), says({}, 400))] == [0, 0]
    assert [run(spent(handler)) for handler in (hangs, cuts_off, sends(b"?"))] == [16, 16, 16]


@pytest.mark.parametrize(
    "handler",
    [echoes_key, tells_key, cuts_off, says({}, 500), sends(KEY.encode()), hangs,
     sends(KEY.encode(), status=503), says({}, 302, {"Location": f"http://192.0.2.1/{KEY}"})],
)  # fmt: skip
def test_the_key_is_sent_and_turns_up_nowhere(
    handler: Handler, caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str]
) -> None:
    caplog.set_level(logging.DEBUG)
    server, result = run(asked(handler, key_variable="KEY", tries=2, timeout_s=0.3))
    seen = [repr(result), str(result), caplog.text, *capsys.readouterr()]
    if isinstance(result, BaseException):
        seen += traceback.format_exception(result)
        assert isinstance(result, ModelError)

    assert server.headers[0]["Authorization"] == f"Bearer {KEY}"
    assert not [text for text in seen if KEY in text]


def test_the_key_is_in_no_picture_of_the_responder() -> None:
    endpoint = Endpoint(base_url="http://127.0.0.1:1", model="m", key_variable="KEY")
    responder = OpenAIResponder(endpoint, {"KEY": KEY})

    assert KEY not in f"{responder!r} {responder} {endpoint!r}"


def test_in_an_air_gap_no_server_elsewhere_is_asked() -> None:
    endpoint = Endpoint(base_url="http://192.0.2.1/v1", model="m")

    with pytest.raises(ModelError, match="not a loopback address"):
        OpenAIResponder(endpoint, {"CRA_PIPELINE_AIR_GAP": "1"})
