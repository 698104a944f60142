"""Prompts are equal for equal tasks and show code only."""

from __future__ import annotations

import pytest

from cra_pipeline.contracts.triples import prompt_hash
from cra_pipeline.harness.rendering import (
    SYSTEM,
    is_prose,
    render_answer,
    render_prompt,
)


@pytest.mark.parametrize(
    ("path", "prose"),
    [
        ("README.md", True),
        ("docs/api.txt", True),
        ("CHANGELOG", True),
        ("changelog.d/1.change.txt", True),
        ("docs/conf.py", False),
        ("pkg/data.txt", False),
        ("pyproject.toml", False),
        ("history.py", False),
    ],
)
def test_prose_decides_no_test(path: str, *, prose: bool) -> None:
    assert is_prose(path) is prose


def test_a_prompt_holds_the_wish_and_the_code_whatever_the_order() -> None:
    prompt = render_prompt("Add x", {"b.py": "B = 1\n", "a.py": "A = 1\n", "NEWS.md": "old\n"})

    assert prompt == "# Task\nAdd x\n\n# Files\n## a.py\nA = 1\n\n\n## b.py\nB = 1\n\n"
    assert "NEWS" not in prompt


def test_a_task_that_only_adds_files_has_a_prompt_too() -> None:
    assert render_prompt("Add x", {}).endswith("# Files\n(none yet)\n")


def test_an_answer_leaves_prose_out() -> None:
    answer = render_answer({"a.py": "x\n", "NEWS.md": "1\n"}, {"a.py": "y\n", "NEWS.md": "2\n"})

    assert "a.py" in answer
    assert "NEWS" not in answer


def test_the_hash_hangs_on_both_texts_and_on_where_they_part() -> None:
    assert len({prompt_hash("a", "b"), prompt_hash("ab", ""), prompt_hash(SYSTEM, "b")}) == 3
