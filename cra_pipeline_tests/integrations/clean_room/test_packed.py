"""What comes through the result channel is whole and harmless, or nothing of it is used."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cra_pipeline.integrations.clean_room.packed import MOST_FILES, unpacked

Head = dict[str, Any]


def packed(*, pieces: tuple[bytes, ...] = (), **changes: object) -> bytes:
    told = {
        "ending": "exited",
        "exit_code": 0,
        "output": "done",
        "changed": [],
        "deleted": [],
        "databases": [],
        "sizes": [len(piece) for piece in pieces],
    }
    return b"".join([json.dumps(told | changes).encode(), b"\n", *pieces])


paths = st.text("abcXYZ.", min_size=1).filter(lambda name: set(name) != {"."})


@given(st.dictionaries(paths, st.binary()), st.dictionaries(paths, st.binary(), max_size=8))
def test_files_and_databases_come_back_as_they_went(
    files: dict[str, bytes], databases: dict[str, bytes]
) -> None:
    pieces = (*files.values(), *databases.values())
    found = unpacked(packed(pieces=pieces, changed=list(files), databases=list(databases)))

    assert dict(found.changed) == files
    assert dict(found.databases) == databases


REFUSED = {
    "nothing": b"",
    "no line": b"{}",
    "no JSON": b"hello\nworld",
    "no object": b"[1]\n",
    "deep": b"[" * 100_000 + b"\n",
    "an unknown key": packed(more=1),
    "an unknown ending": packed(ending="passed"),
    "an endless status": packed().replace(b'"exit_code": 0', b'"exit_code": Infinity'),
    "a huge status": packed(exit_code=1 << 70),
    "a status that is a text": packed(exit_code="0"),
    "half a character": packed(output="\ud800"),
    "a novel": packed(output="x" * (1 << 18)),
    "too short": packed(changed=["a"], sizes=[9]),
    "too long": packed() + b"x",
    "a size below zero": packed(changed=["a", "b"], sizes=[5, -5]),
    "more pieces than names": packed(pieces=(b"1",)),
    "an absolute path": packed(pieces=(b"1",), changed=["/etc/cron.d/x"]),
    "a path that climbs": packed(pieces=(b"1",), changed=["a/../../x"]),
    "a path into the repository": packed(pieces=(b"1",), changed=[".git/hooks/x"]),
    "an empty path": packed(pieces=(b"1",), changed=[""]),
    "a path with an end": packed(pieces=(b"1",), changed=["a\0b"]),
    "a deleted path that climbs": packed(deleted=["../x"]),
    "a file below a file": packed(pieces=(b"1", b"2"), changed=["a", "a/b/c"]),
    "a path twice": packed(pieces=(b"1", b"2"), changed=["a", "a"]),
    "changed and deleted": packed(pieces=(b"1",), changed=["a"], deleted=["a"]),
    "a database twice": packed(pieces=(b"1", b"2"), databases=["raw.sqlite", "raw.sqlite"]),
    "thousands of files": packed(
        pieces=(b"",) * (MOST_FILES + 1), changed=[f"f{n}" for n in range(MOST_FILES + 1)]
    ),
}


@pytest.mark.parametrize("what", sorted(REFUSED))
def test_a_forged_or_broken_result_is_refused(what: str) -> None:
    with pytest.raises(ValueError, match=r"result|names|thing"):
        unpacked(REFUSED[what])


@given(st.binary())
def test_rubbish_is_refused_and_nothing_else_happens(content: bytes) -> None:
    with pytest.raises(ValueError, match=r"result"):
        unpacked(content)


@given(st.integers(0, 200), st.binary(max_size=4))
def test_a_result_with_a_dent_is_whole_or_refused(at: int, dent: bytes) -> None:
    content = packed(pieces=(b"text", b"base"), changed=["a.py"], databases=["raw.sqlite"])
    found = _tried(lambda: unpacked(content[:at] + dent + content[at + len(dent) :]))

    assert found is None or len(found.changed) == 1


def _tried(read: Callable[[], Any]) -> Any:  # noqa: ANN401  # a result or nothing
    try:
        return read()
    except ValueError:
        return None
