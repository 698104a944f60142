"""Which commits ask for a change, and what they say."""

from __future__ import annotations

from dataclasses import replace

import pytest

from cra_pipeline.contracts.history import FileChange, HistoryCommit
from cra_pipeline.ranking.messages import (
    CommitPolicy,
    TaskText,
    may_ask,
    names_module,
    task_text,
)


def change(path: str) -> FileChange:
    return FileChange(path, True, "100644", "100644", "a" * 40, "b" * 40)


COMMIT = HistoryCommit(
    sha="c" * 40, parents=("p" * 40,), author="Ada", email="ada@example.org", authored_at=0,
    committed_at=0, message="Keep the order of keys", files=(change("src/keys.py"),),
)  # fmt: skip


def test_an_ordinary_commit_asks() -> None:
    assert may_ask(COMMIT, CommitPolicy())


@pytest.mark.parametrize(
    "changed",
    [
        {"parents": ()},
        {"parents": ("a" * 40, "b" * 40)},
        {"message": "Keep order"},
        {"message": "Bump version to 3.0.0 now"},
        {"message": "docs: say it in fewer words"},
        {"author": "renovate[bot]"},
        {"files": (change("README.md"),)},
        {"files": (change("tests/test_keys.py"),)},
        {"files": tuple(change(f"src/m{number}.py") for number in range(6))},
    ],
    ids=str,
)
def test_a_commit_that_asks_for_nothing_small_is_left_out(changed: dict[str, object]) -> None:
    assert not may_ask(replace(COMMIT, **changed), CommitPolicy())  # type: ignore[arg-type]  # a table


@pytest.mark.parametrize(
    ("message", "expected"),
    [
        ("Keep the order (#12)", TaskText("Keep the order")),
        (
            "Keep the order\n\nFixes #3\n* It was lost.\n",
            TaskText("Keep the order", "It was lost."),
        ),
        ("Keep the order\n\nkeep the order.\n", TaskText("Keep the order")),
        ("Keep it\n\nSigned-off-by: Ada\n", TaskText("Keep it")),
    ],
)
def test_a_message_is_its_subject_and_the_first_line_that_says_more(
    message: str, expected: TaskText
) -> None:
    assert task_text(message) == expected


@pytest.mark.parametrize(
    ("path", "text", "expected"),
    [
        ("src/pkg/parser.py", "Mend the parsers of lines", True),
        ("src/pkg/file_io.py", "Mend file io", True),
        ("src/pkg/__init__.py", "Export more of pkg", True),
        ("src/pkg/__init__.py", "Export more", False),
        ("src/pkg/parser.py", "Mend the parse", False),
        ("src/pkg/_cache.py", "A larger cache", True),
    ],
)
def test_a_text_names_a_module_by_its_word(path: str, text: str, *, expected: bool) -> None:
    assert names_module(path, text) is expected
