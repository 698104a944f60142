"""Replies of any making are read or refused, never guessed."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cra_pipeline.integrations.responders.completions import CHARACTERS_PER_TOKEN, parse_completion
from cra_pipeline_tests.integrations.responders.servers import completion

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["choices", "message", "content", "usage"]), inner)
    ),
    max_leaves=8,
)


@given(st.binary() | JSON.map(lambda value: json.dumps(value).encode()))
def test_nothing_but_a_completion_is_read(body: bytes) -> None:
    with pytest.raises(ValueError, match=r"no chat completion|finish_reason|no text"):
        parse_completion(body, 16)


@given(st.text(), st.integers(1, 4))
def test_a_text_is_whole_or_cut_at_the_cap(text: str, max_tokens: int) -> None:
    read = parse_completion(json.dumps(completion(text)).encode(), max_tokens)
    most = max_tokens * CHARACTERS_PER_TOKEN

    assert read.text == text[:most]
    assert read.finish == ("stop" if len(text) <= most else "length")


def test_counts_and_model_may_be_missing() -> None:
    body = completion()
    del body["usage"], body["model"]
    read = parse_completion(json.dumps(body).encode(), 16)

    assert (read.prompt_tokens, read.completion_tokens, read.model) == (None, None, "")


def test_a_refusal_is_quoted() -> None:
    message = {"content": None, "refusal": "I would rather not"}
    body = completion(choices=[{"message": message, "finish_reason": "stop"}])

    with pytest.raises(ValueError, match="I would rather not"):
        parse_completion(json.dumps(body).encode(), 16)
