"""The agent's protocol: what is taken away as thinking, and what a reply holds."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cra_pipeline.contracts.calls import ModelAnswer
from cra_pipeline.integrations.gateway.protocol import (
    answer_body,
    parse_question,
    split_thinking,
    without_thinking,
)
from cra_pipeline_tests.integrations.gateway.clients import encoded
from cra_pipeline_tests.strategies import OF

TAGGED = st.lists(
    st.sampled_from(["<think>", "</think>", " ", "\n", "yes", "<edit>", "<thin", "k>"]), max_size=12
).map("".join)


@pytest.mark.parametrize(
    ("text", "answer", "thinking"),
    [
        ("yes", "yes", ""),
        ("  yes\n", "  yes\n", ""),
        ("<think>why</think>yes", "yes", "why"),
        ("<think>\n why \n</think>\n\nyes\n", "yes", "why"),
        ("a <think>b <think>c</think> d</think> e", "a  e", "b <think>c</think> d"),
        ("yes<think>and never ends", "yes", "and never ends"),
        ("<think></think>yes", "yes", ""),
        ("</think>yes", "</think>yes", ""),
        ("</think>yes<think>x", "</think>yes", "x"),
        ("<think>a</think>yes<think>b", "yes", "a\nb"),
        ("", "", ""),
    ],
)
def test_the_outermost_block_is_thinking(text: str, answer: str, thinking: str) -> None:
    assert split_thinking(text) == (answer, thinking)


@given(TAGGED)
def test_an_answer_holds_nothing_that_the_agent_would_take_away(text: str) -> None:
    answer, thinking = split_thinking(text)

    assert "<think>" not in answer
    assert ("<think>" in text) or (answer, thinking) == (text, "")
    assert split_thinking(answer) == (answer, "")


def test_thinking_that_a_server_parted_already_stays() -> None:
    answer = ModelAnswer(text="<think>b</think>c", thinking="a", model="m", responder="r")

    assert without_thinking(answer).thinking == "a\nb"
    assert without_thinking(answer).text == "c"


@given(OF[ModelAnswer])
def test_a_reply_holds_the_answer_byte_for_byte(answer: ModelAnswer) -> None:
    reply = json.loads(answer_body(answer, "tag"))

    assert reply["response"] == answer.text
    assert reply.get("thinking", "") == answer.thinking
    assert reply.get("prompt_eval_count") == answer.prompt_tokens
    assert reply.get("eval_count") == answer.completion_tokens
    assert (reply["model"], reply["done"], reply["done_reason"]) == ("tag", True, answer.finish)


@given(st.text(), st.text())
def test_texts_arrive_as_they_were_sent(system: str, prompt: str) -> None:
    question = parse_question(encoded(system=system, prompt=prompt))

    assert (question.system, question.prompt) == (system, prompt)


@given(st.binary())
def test_no_bytes_break_the_reader(body: bytes) -> None:
    with pytest.raises(ValueError, match="expected the keys"):
        parse_question(body)


def test_a_refusal_does_not_repeat_what_was_sent() -> None:
    with pytest.raises(ValueError, match="prompt") as refusal:
        parse_question(encoded(prompt=["sk-secret"]))

    assert "sk-secret" not in str(refusal.value)


@pytest.mark.parametrize(("wished", "is_taken"), [(0.0, True), (2.0, True), (2.1, False)])
def test_a_temperature_that_servers_refuse_does_not_reach_them(
    wished: float,
    is_taken: bool,  # noqa: FBT001  # of the table
) -> None:
    body = encoded(options={"temperature": wished, "num_predict": 9})
    if is_taken:
        assert parse_question(body).options.temperature == wished
        return
    with pytest.raises(ValueError, match="temperature"):
        parse_question(body)
