"""The channel believes signed lines in their order, and nothing else."""

from __future__ import annotations

import hmac
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cra_pipeline.contracts.testrun import TestResult
from cra_pipeline.integrations.testrun.protocol import read_channel

NONCE = b"n" * 32
PASSED = {"kind": "test", "id": "a.py::b", "result": "passed", "detail": "", "missing": []}
END = {"kind": "end", "code": 0, "tests": 1}


def signed(number: int, payload: object, nonce: bytes = NONCE) -> bytes:
    body = json.dumps(payload).encode()
    signature = hmac.new(nonce, b"%d " % number + body, "sha256").hexdigest().encode()
    return b"%d %b %b\n" % (number, signature, body)


def test_a_whole_session_is_believed() -> None:
    session = read_channel(signed(0, PASSED) + signed(1, END), NONCE)

    assert session.forged == ""
    assert session.closing is not None
    assert [(line.id, line.result) for line in session.lines] == [("a.py::b", TestResult.PASSED)]


@pytest.mark.parametrize(
    ("content", "rule"),
    [
        (signed(0, PASSED, b"other") + signed(1, END), "bad_signature"),
        (b"a.py::b PASSED\n", "bad_signature"),
        (b"\xff\xfe \xe9 {}\n", "bad_signature"),
        (b"\n", "bad_signature"),
        (signed(1, PASSED), "broken_sequence"),
        (signed(0, PASSED) + signed(0, PASSED), "broken_sequence"),
        (signed(0, PASSED) + signed(2, END), "broken_sequence"),
        (signed(0, PASSED | {"result": "green"}), "unreadable_line"),
        (signed(0, PASSED | {"more": 1}), "unreadable_line"),
        (signed(0, PASSED) + signed(1, END) + signed(2, PASSED), "line_after_closing"),
        (signed(0, PASSED) + signed(1, END) + b"tail", "line_after_closing"),
        (signed(0, PASSED) + signed(1, END | {"tests": 2}), "wrong_count"),
        (signed(0, END), "wrong_count"),
    ],
)
def test_a_broken_rule_is_named_and_nothing_is_closed(content: bytes, rule: str) -> None:
    session = read_channel(content, NONCE)

    assert session.forged == rule
    assert session.closing is None


@given(st.integers(min_value=0, max_value=2 * len(signed(0, PASSED)) - 1))
def test_a_cut_anywhere_is_incomplete_and_no_forgery(length: int) -> None:
    whole = signed(0, PASSED) + signed(1, PASSED | {"id": "a.py::c"}) + signed(2, END)

    session = read_channel(whole[:length], NONCE)

    assert (session.forged, session.closing) == ("", None)
    assert len(session.lines) == whole[:length].count(b"\n")


@given(st.integers(min_value=0, max_value=len(signed(0, PASSED)) - 2), st.integers(1, 255))
def test_no_byte_of_a_line_can_be_changed(place: int, change: int) -> None:
    line = bytearray(signed(0, PASSED))
    line[place] ^= change

    assert read_channel(bytes(line), NONCE).lines == ()
