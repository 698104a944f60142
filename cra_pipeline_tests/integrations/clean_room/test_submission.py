"""What the test command sends is whole and harmless, or nothing is tested."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cra_pipeline.integrations.clean_room.packed import MOST_FILES
from cra_pipeline.integrations.clean_room.send_tests import packed
from cra_pipeline.integrations.clean_room.submission import MOST_BYTES, submitted

paths = st.text("abcXYZ.", min_size=1).filter(lambda name: set(name) != {"."})


def sent(*pieces: bytes, **changes: object) -> bytes:
    told = {"changed": [], "deleted": [], "sizes": [len(piece) for piece in pieces]}
    return b"".join([json.dumps(told | changes).encode(), b"\n", *pieces])


@given(st.dictionaries(paths, st.none() | st.binary()))
def test_a_working_tree_arrives_as_the_script_sent_it(files: dict[str, bytes | None]) -> None:
    found = submitted(packed(files))

    assert dict(found.changed) == {path: text for path, text in files.items() if text is not None}
    assert list(found.deleted) == sorted(path for path, text in files.items() if text is None)


REFUSED = {
    "nothing": b"",
    "no line": b"{}",
    "no JSON": b"hello\nworld",
    "deep": b"[" * 100_000 + b"\n",
    "an unknown key": sent(links=["a"]),
    "a mode": sent(b"/etc/passwd", changed=["a"], modes=["120000"]),
    "half a character": sent(deleted=["\ud800"]),
    "cut short": sent(b"text", changed=["a"])[:-1],
    "too long": sent() + b"x",
    "a size beyond the end": sent(changed=["a"], sizes=[1 << 40]),
    "a size below zero": sent(changed=["a", "b"], sizes=[5, -5]),
    "a size that is a text": sent(changed=["a"], sizes=["0"]),
    "more pieces than names": sent(b"1"),
    "an absolute path": sent(b"1", changed=["/etc/cron.d/x"]),
    "a path that climbs": sent(b"1", changed=["a/../../x"]),
    "a path into a repository": sent(b"1", changed=[".git/hooks/x"]),
    "an empty path": sent(b"1", changed=[""]),
    "a folder": sent(deleted=["sub/"]),
    "a path with an end": sent(b"1", changed=["a\0b"]),
    "a deleted path that climbs": sent(deleted=["../x"]),
    "a file below a file": sent(b"1", b"2", changed=["a", "a/b/c"]),
    "a path twice": sent(b"1", b"2", changed=["a", "a"]),
    "changed and deleted": sent(b"1", changed=["a"], deleted=["a"]),
    "a name that no disk takes": sent(b"1", changed=["ä" * 128]),
    "a path that no disk takes": sent(b"1", changed=["/".join(["abc"] * 600)]),
    "a deleted name that no disk takes": sent(deleted=["x" * 256]),
    "thousands of files": sent(
        *[b""] * (MOST_FILES + 1), changed=[f"f{n}" for n in range(MOST_FILES + 1)]
    ),
    "megabytes": sent(b"x" * MOST_BYTES, changed=["a"]),
}


@pytest.mark.parametrize("what", sorted(REFUSED))
def test_a_forged_or_broken_submission_is_refused(what: str) -> None:
    with pytest.raises(ValueError, match=r"submission"):
        submitted(REFUSED[what])


@given(st.binary())
def test_rubbish_is_refused_and_nothing_else_happens(content: bytes) -> None:
    with pytest.raises(ValueError, match=r"submission"):
        submitted(content)
