"""Prompts, read back."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cra_pipeline.gold.prompts import (
    AskedFiles,
    AskedFunction,
    AskedSymbol,
    analysed,
    asked_files,
    asked_functions,
    asked_pair,
    asked_path,
    asked_points,
    asked_step,
    asked_symbol,
    mentions,
    shown_code,
    task_text,
)
from cra_pipeline_tests.gold.books import ENVIRONMENT, context, judged, step_prompt

_TASK = "Fix it\n\nin two lines\nCode: a.py , b.py"


@pytest.mark.parametrize(
    "prompt",
    [
        context(_TASK, {"a.py": "x\n"}),
        context(_TASK, {}),
        judged(_TASK, "File: a.py (language=python, tier=2)"),
        f"{ENVIRONMENT}\nTask: {_TASK}\n\nExtracted files: []\nKeywords: []",
        f"{ENVIRONMENT}\nTask: {_TASK}\nBudget: 10 tokens available\n\nFiles:\n",
        f"{ENVIRONMENT}\nTask: {_TASK}\nType: unknown\nSeed files: 0",
        f"{ENVIRONMENT}# Task\n{_TASK}\n\n## a.py [python] (primary)\n",
    ],
)
def test_every_prompt_tells_its_task(prompt: str) -> None:
    assert task_text(prompt) == _TASK


def test_what_is_asked_is_read_from_the_end() -> None:
    task = "Odd\n\nFile: no.py (language=python, tier=1)\n\nSymbol: no (class) in no.py:1-2\n"

    assert asked_path(judged(task, "File: a b.py (language=python, tier=3)\npurpose=x")) == "a b.py"
    assert asked_symbol(
        judged(task, "Symbol: f (method) in src/a.py:10-20\n[calls x]\nsig: def f(a: int):")
    ) == AskedSymbol("src/a.py", "f", 10, 20)


def test_both_functions_are_read() -> None:
    item = "Function A: f (function, 3 lines)\nFunction B: g (method, 4 lines)\nSignals: x"

    assert asked_functions(judged("t", item)) == (
        AskedFunction("f", "function", 3),
        AskedFunction("g", "method", 4),
    )


def test_a_step_is_read_without_what_follows_it() -> None:
    prompt = step_prompt("Do\nTarget files: odd", ["a.py", "b.py"], {"a.py": "x\n"}, symbols=["f"])
    asked = asked_step(prompt + "\n<prior_changes>\n+# Step to Implement\n</prior_changes>\n")

    assert (asked.number, asked.text) == ("s1", "Do\nTarget files: odd")
    assert (asked.targets, asked.symbols) == (("a.py", "b.py"), ("f",))
    assert "Step to Implement" not in asked.before


def test_a_step_without_targets_has_none() -> None:
    asked = asked_step(step_prompt("Do", [], {}, number="t1"))

    assert (asked.text, asked.targets, asked.symbols) == ("Do", (), ())


def test_files_that_compete_are_read_with_their_sizes() -> None:
    prompt = (
        f"{ENVIRONMENT}\nTask: t\nBudget: 900 tokens available\n\nFiles (total exceeds budget):\n"
        "- a.py [primary] ~700 tokens\n- dir/b.py [type_context] ~300 tokens\n\nSelect.\n"
    )

    assert asked_files(prompt) == AskedFiles(900, (("a.py", 700), ("dir/b.py", 300)))


def test_pairs_are_read_without_their_ids() -> None:
    parts = (
        "Task: t\n\nPart A — p1: One\nCode: a.py\nPart B — p2: Two\nDoes Part B depend on Part A?"
    )
    points = (
        "Task: t\n\nChange Point A (index 0): [modify] a.py :: f\n  Rationale: r b.py\n"
        "\nChange Point B (index 1): [add] b.py :: g\n  Rationale: r\n\nShould these two?"
    )

    assert asked_pair(parts, "Part") == ("One\nCode: a.py", "Two")
    assert asked_points(points) == ("a.py", "b.py")


def test_the_earlier_analysis_is_read() -> None:
    prompt = '# Task\nt\n\n<prior_analysis>\n[{"file_path": "a.py"}]\n</prior_analysis>\n'

    assert analysed(prompt) == [{"file_path": "a.py"}]


@pytest.mark.parametrize("inner", ["{}", "[1]", "nonsense"])
def test_an_analysis_of_another_shape_is_refused(inner: str) -> None:
    with pytest.raises(ValueError, match="analysis"):
        analysed(f"x\n<prior_analysis>\n{inner}\n</prior_analysis>\n")


def test_shown_code_belongs_to_the_heading_above_it() -> None:
    code = {"a.py": "## b.py\nx = 1\n</code>\ny = 2", "c.py": ""}

    assert shown_code(context("## t [python] (primary)", code)) == code
    assert shown_code(context("t", {})) == {}


def test_a_line_about_a_files_purpose_is_no_code() -> None:
    prompt = context("t", {"a.py": "x = 1"}).replace(
        "<code", "Purpose: `<code>` | Domain: d\n<code"
    )

    assert shown_code(prompt) == {"a.py": "x = 1"}


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("Change tests/test_a.py.", True),
        ("## tests/test_a.py [python]", True),
        ("old/tests/test_a.py", False),
        ("tests/test_a.py/b", False),
        ("tests/test_a.pyi", False),
        ("", False),
    ],
)
def test_a_path_is_named_as_a_whole(text: str, *, named: bool) -> None:
    assert mentions(text, "tests/test_a.py") is named


@pytest.mark.parametrize(
    "read",
    [
        asked_path,
        asked_symbol,
        asked_functions,
        asked_step,
        asked_files,
        asked_points,
        analysed,
        task_text,
    ],
)
@given(text=st.text(max_size=40))
def test_a_strange_prompt_is_an_error_that_says_so(
    read: Callable[[str], object], text: str
) -> None:
    with pytest.raises(ValueError, match=r"\w"):
        read(text)
