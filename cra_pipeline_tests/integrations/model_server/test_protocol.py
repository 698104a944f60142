"""What a request may say, and what is refused rather than passed over."""

from __future__ import annotations

import json

import pytest

from cra_pipeline.integrations.model_server.protocol import (
    ChatAsked,
    RefusedError,
    TextAsked,
    parsed,
)

ASKED = {"model": "tiny", "messages": [{"role": "user", "content": "yes or no?"}]}


def body(**more: object) -> bytes:
    return json.dumps({**ASKED, **more}).encode()


def test_what_the_responder_sends_is_understood() -> None:
    told = {"max_tokens": 16, "temperature": 0, "seed": 7, "stream": False, "stop": ["\n"]}
    asked = parsed(body(**told), ChatAsked)

    assert (asked.most, asked.temperature, asked.seed, asked.stops) == (16, 0.0, 7, ("\n",))


@pytest.mark.parametrize(
    "harmless",
    [
        {"user": "ada"},
        {"n": 1},
        {"top_p": 1.0},
        {"tools": None},
        {"stop": None},
        {"chat_template_kwargs": {"enable_thinking": False}},
    ],
)
def test_what_asks_for_nothing_is_let_through(harmless: dict[str, object]) -> None:
    assert parsed(body(**harmless), ChatAsked).model == "tiny"


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        (b"", "JSON"),
        (b"{", "JSON"),
        (b"[]", "object"),
        (b'{"model": "tiny"}', "messages"),
        (json.dumps({"messages": ASKED["messages"]}).encode(), "model"),
        (body(messages=[]), "messages"),
        (body(messages=[{"role": "robot", "content": ""}]), "role"),
        (body(messages=[{"role": "user", "content": [{"type": "text"}]}]), "content"),
        (body(max_tokens=0), "max_tokens"),
        (body(max_tokens="16"), "max_tokens"),
        (body(temperature=-1), "temperature"),
        (body(temperature=1e999), "temperature"),
        (body(stream=True), "stream"),
        (body(n=2), "n: 2"),
        (body(top_p=0.5), "top_p"),
        (body(tools=[{"type": "function"}]), "tools"),
        (body(top_logprobs=21), "top_logprobs"),
        (body(logprobs=5), "logprobs"),
        (body(response_format={"type": "json_object"}), "response_format"),
        (body(chat_template_kwargs={"enable_thinking": True}), "chat_template_kwargs"),
    ],
)
def test_what_would_change_an_answer_unheard_is_refused(wrong: bytes, words: str) -> None:
    with pytest.raises(RefusedError, match=words) as refused:
        parsed(wrong, ChatAsked)

    assert refused.value.status == 400


def test_log_probabilities_are_asked_for_in_chats_alone() -> None:
    text = json.dumps({"model": "tiny", "prompt": "yes or no?", "logprobs": 5}).encode()

    assert parsed(body(logprobs=True, top_logprobs=20), ChatAsked).shown == 20
    assert parsed(body(logprobs=True), ChatAsked).shown == 0
    assert parsed(body(logprobs=False, top_logprobs=0), ChatAsked).shown is None
    with pytest.raises(RefusedError, match="wants logprobs"):
        assert parsed(body(top_logprobs=5), ChatAsked).shown
    with pytest.raises(RefusedError, match="logprobs: 5 is not supported"):
        parsed(text, TextAsked)
