"""What a pass shows stays within its room."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from hypothesis import given
from hypothesis import strategies as st

from cra_pipeline.gold.allocation import FRAME, Showing, allocate
from cra_pipeline.gold.book import GoldBook
from cra_pipeline.gold.change import GoldChange
from cra_pipeline_tests.gold.books import book, books

_BODY = "\n".join(f"    x = {number}" for number in range(200))
_LARGE = f"def huge(x):\n{_BODY}\n\n\ndef small(x):\n    return x\n"


@given(books(), st.integers(0, 5_000), st.integers(0, 5_000))
def test_the_room_is_never_exceeded(drawn: GoldBook, room: int, more: int) -> None:
    change = GoldChange(drawn)
    allocation = allocate(change, change.order, drawn.before, room=room, ceiling=room + more)

    assert allocation.spent <= room
    assert allocation.total <= room + more
    assert all(
        len(drawn.before[path]) <= room
        for path, showing in allocation.showing.items()
        if showing is Showing.WHOLE
    )


def _shown(
    change: GoldChange, wanted: Sequence[str], texts: Mapping[str, str], room: int
) -> Mapping[str, Showing]:
    return allocate(change, wanted, texts, room=room, ceiling=room).showing


def test_a_large_file_is_an_excerpt_of_what_changes() -> None:
    change = GoldChange(book({"a.py": _LARGE}, {"a.py": _LARGE.replace("return x", "return 1")}))
    ways = [
        _shown(change, ["a.py"], {"a.py": _LARGE}, room).get("a.py")
        for room in (len(_LARGE) + 2 * FRAME, FRAME + 200, FRAME, 0)
    ]

    assert ways == [Showing.WHOLE, Showing.EXCERPT, None, None]


def test_a_file_leaves_room_to_name_the_next() -> None:
    before = {"a.py": _LARGE, "b.py": _LARGE}
    after = {path: _LARGE.replace("x = 7\n", "x = 8\n") for path in before}
    change = GoldChange(book(before, after))
    whole = len(_LARGE) + FRAME + len("a.py")

    assert _shown(change, change.order, before, whole) == {
        "a.py": Showing.SIGNATURES,
        "b.py": Showing.SIGNATURES,
    }
    assert _shown(change, change.order, before, whole + 2 * FRAME) == {
        "a.py": Showing.WHOLE,
        "b.py": Showing.SIGNATURES,
    }


def test_files_that_define_what_the_change_uses_help_by_their_signatures() -> None:
    before = {"a.py": "def one(x):\n    return x\n", "b.py": "def helper_of(x):\n    return x\n"}
    change = GoldChange(book(before, {"a.py": "def one(x):\n    return helper_of(x)\n"}))

    assert _shown(change, ["a.py"], before, 10_000) == {
        "a.py": Showing.WHOLE,
        "b.py": Showing.HELPER,
    }


def test_a_name_that_many_files_define_helps_nobody() -> None:
    helpers = {f"b{number}.py": "def helper_of(x):\n    return x\n" for number in range(4)}
    before = {"a.py": "def one(x):\n    return x\n", **helpers}
    change = GoldChange(book(before, {"a.py": "def one(x):\n    return helper_of(x)\n"}))

    assert set(_shown(change, ["a.py"], before, 10_000)) == {"a.py"}
