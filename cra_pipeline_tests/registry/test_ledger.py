"""Damage to the ledger is told with its line; its clock never goes back."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cra_pipeline.contracts.registry import LedgerLine
from cra_pipeline.errors import RegistryError
from cra_pipeline.registry.ledger import drafted, head_of, read_lines


def line(lines: list[LedgerLine], now: float = 0.0, **fields: object) -> LedgerLine:
    told: dict[str, object] = {
        "act": "base_registered",
        "adapter_kind": "",
        "version": f"tiny-v{len(lines)}",
    }
    return drafted(lines, now, **(told | fields))


def chain(count: int) -> list[LedgerLine]:
    lines: list[LedgerLine] = []
    for _ in range(count):
        lines.append(line(lines))
    return lines


def text(lines: list[LedgerLine]) -> bytes:
    return "".join(f"{one.canonical_json()}\n" for one in lines).encode()


LINES = chain(4)
HEAD = head_of(LINES[-1])


def test_a_whole_ledger_is_read_back() -> None:
    assert read_lines(WHOLE, HEAD, where="l") == tuple(LINES)
    assert read_lines(b"", None, where="l") == ()


def test_one_line_more_than_the_head_knows_was_written_by_a_killed_run() -> None:
    assert read_lines(text(LINES), head_of(LINES[2]), where="l") == tuple(LINES)
    assert read_lines(text(LINES[:1]), None, where="l") == tuple(LINES[:1])


WHOLE = text(LINES)
DAMAGE = {
    "first removed": (text(LINES[1:]), "line 1 bears number 1, expected 0"),
    "inner removed": (text([LINES[0], *LINES[2:]]), "line 2 bears number 2, expected 1"),
    "last removed": (text(LINES[:-1]), "line 4 is missing: there were 4 lines"),
    "all removed": (b"", "line 1 is missing: there were 4 lines"),
    "moved": (text([LINES[1], LINES[0], *LINES[2:]]), "line 1 bears number 1, expected 0"),
    "first edited": (WHOLE.replace(b"tiny-v0", b"tiny-v9"), "line 1 was edited"),
    "inner edited": (WHOLE.replace(b"tiny-v2", b"tiny-v9"), "line 3 was edited"),
    "last edited": (WHOLE.replace(b"tiny-v3", b"tiny-v9"), "line 4 was edited"),
    "spaced": (WHOLE.replace(b'"act":', b'"act": ', 1), "line 1 is not as the registry"),
    "cut off": (WHOLE[:-5], "line 4 is cut off"),
    "end cut off": (WHOLE[:-1], "line 4 is cut off"),
    "no JSON": (WHOLE.replace(b'{"act"', b"act", 1), "l:1: LedgerLine"),
    "blank line": (WHOLE + b"\n", "l:5: LedgerLine"),
}


@pytest.mark.parametrize("name", DAMAGE)
def test_damage_is_told_with_its_line(name: str) -> None:
    spoilt, words = DAMAGE[name]

    with pytest.raises(RegistryError, match=words):
        read_lines(spoilt, HEAD, where="l")


def test_lines_that_somebody_else_appended_are_refused() -> None:
    with pytest.raises(RegistryError, match=r"line 4 is unknown: head\.json knows 2 lines"):
        read_lines(text(LINES), head_of(LINES[1]), where="l")
    with pytest.raises(RegistryError, match=r"line 2 is unknown: head\.json knows 0 lines"):
        read_lines(text(LINES), None, where="l")


@given(st.lists(st.floats(0, 2e9), min_size=2, max_size=8))
def test_a_clock_that_goes_back_is_held(moments: list[float]) -> None:
    lines: list[LedgerLine] = []
    for now in moments:
        lines.append(line(lines, now))

    times = [one.at for one in lines]
    assert times == sorted(times)
    assert times[-1] == max(int(now) for now in moments)


@given(st.integers(0, len(WHOLE) - 1), st.integers(1, 255))
def test_no_single_byte_is_changed_unseen(place: int, change: int) -> None:
    spoilt = bytearray(WHOLE)
    spoilt[place] ^= change

    with pytest.raises(RegistryError, match="l:"):
        read_lines(bytes(spoilt), HEAD, where="l")
