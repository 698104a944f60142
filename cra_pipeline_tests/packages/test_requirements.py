"""Requirement lines become lines that an index can answer."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cra_pipeline.packages.requirements import clean, file_lines, loosened, name_of, with_pytest


@pytest.mark.parametrize(
    ("line", "kept"),
    [
        ("pytest>=7", ("pytest>=7",)),
        ("Foo_Bar[x,a]", ("foo-bar[a,x]",)),
        ("tomli; python_version < '3'", ()),
        ("tomli ; python_version >= '3'", ("tomli",)),
        ("thing; extra == 'x'", ()),
        ("own", ()),
        ("OWN[tests]", ()),
    ],
)
def test_markers_are_evaluated_and_the_project_itself_is_dropped(
    line: str, kept: tuple[str, ...]
) -> None:
    assert clean([line], "own").lines == kept


@pytest.mark.parametrize(
    "line",
    [
        "git+https://example.org/x.git",
        "x @ https://example.org/x-1-py3-none-any.whl",
        "x @ git+ssh://example.org/x",
        "./local",
        "../sibling[extra]",
        "/abs/path",
        "file:///abs/path",
        "~/there",
        "not a requirement",
    ],
)
def test_what_no_index_can_answer_is_left_out_with_a_note(line: str) -> None:
    cleaned = clean([line], "own")

    assert cleaned.lines == ()
    assert len(cleaned.notes) == 1


@pytest.mark.parametrize("line", [".[tests]", "own[tests]", ". [tests]"])
def test_extras_asked_of_the_project_itself_are_named(line: str) -> None:
    assert clean([line], "own").own_extras == ("tests",)


def test_a_requirement_file_loses_comments_options_and_continuations() -> None:
    text = (
        "a==1 \\\n  --hash=sha256:00\n# all\n-r more.txt\n-c bound.txt\n-e .[x]\nb  # why\n--pre\n"
    )

    assert file_lines(text) == (["a==1", ".[x]", "b"], ["more.txt"])


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("pytest<9", "pytest<9"),
        ("pytest<6", "pytest"),
        ("pytest==3.0.7", "pytest"),
        ("pytest>=6,!=8.1", "pytest>=6,!=8.1"),
    ],
)
def test_a_bound_that_excludes_every_usable_pytest_is_dropped(line: str, expected: str) -> None:
    assert set(with_pytest([line], "7.2")) == {"pytest>=7.2", expected}


def test_a_failed_resolution_gives_way_at_the_named_requirement() -> None:
    words = "Because all versions of docopt have no usable wheels and you require docopt"
    lines = ("docopt<1", "other", "pytest>=7.2")

    first = loosened(lines, words)
    assert first == (("docopt", "other", "pytest>=7.2"), "version bound dropped: docopt<1")
    second = loosened(first[0], words)

    assert second == (
        ("other", "pytest>=7.2"),
        "left out, cannot be had as a wheel: docopt",
    )
    assert loosened(second[0], words) is None


def test_pytest_itself_never_gives_way() -> None:
    assert loosened(("pytest>=7.2",), "you require pytest>=7.2") is None


@given(st.lists(st.text(max_size=40), max_size=8))
def test_cleaning_is_steady_and_never_fails(lines: list[str]) -> None:
    once = clean(lines, "own")

    assert clean(once.lines, "own").lines == once.lines
    assert all(name_of(line) for line in once.lines)
