"""A model may answer a megabyte of anything, and the agent repeats it in later prompts."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cra_pipeline.gold.answers import files_in
from cra_pipeline.gold.edits import Edit, read, written
from cra_pipeline.gold.oracle import GoldOracle
from cra_pipeline.gold.prompts import (
    analysed,
    asked_files,
    asked_pair,
    asked_path,
    asked_points,
    asked_step,
    asked_symbol,
    mentions,
    shown_code,
    task_text,
)
from cra_pipeline.gold.wording import intent
from cra_pipeline_tests.gold.books import book, context, step_prompt
from cra_pipeline_tests.patience import within

MEGABYTE = 10**6

_READERS: list[tuple[Callable[[str], object], str, str]] = [
    (read, "", '<edit file="a">'),
    (read, "", '<edit file="a"><search>x</search>'),
    (read, "", '<edit file="'),
    (read, "<edit", " "),
    (task_text, "# Task\n", "\n"),
    (task_text, "Task: ", "\nIntent"),
    (asked_step, "", "\n# Step to Implement\nID: "),
    (asked_step, "\n# Step to Implement\nID: s1\n", "Target files: a, "),
    (lambda text: asked_pair(text, "Part"), "", "\nPart A"),
    (lambda text: asked_pair(text, "Part"), "", "\nPart A\nPart B"),
    (asked_points, "\nChange Point A: ", "[x] a :: "),
    (asked_symbol, "\n\nSymbol: ", "a (b) in "),
    (asked_path, "\n\nFile: ", " (language="),
    (asked_files, "\nBudget: 3 tokens available\n- ", " [b] ~1"),
    (analysed, "", "\n<prior_analysis>\n"),
    (analysed, "\n<prior_analysis>\n", "["),
    (shown_code, "", "## a [b] (primary)\n"),
    (shown_code, "## ", " [a] (primary"),
    (shown_code, "", '## a [p] (primary)\n<code lang="p">\n'),
    (lambda text: mentions(text, "tests/test_a.py"), "", "tests/test_"),
    (lambda text: files_in("part_plan", text), "", "["),
    (lambda text: files_in("part_plan", text), '{"steps": ', '{"a":'),
    (intent, "Files:", " "),
    (intent, "", "a.py"),
    (intent, "", ". "),
]


@pytest.mark.parametrize(("reader", "start", "piece"), _READERS)
def test_a_megabyte_is_read_or_refused_in_one_pass(
    reader: Callable[[str], object], start: str, piece: str
) -> None:
    text = start + piece * (MEGABYTE // len(piece))

    with within(3), contextlib.suppress(ValueError):
        reader(text)


@pytest.mark.parametrize("kind", ["meta_plan", "part_plan", "implement", "documentation", "scope"])
@pytest.mark.parametrize("piece", ["[", '{"parts":', '<edit file="a.py">', "yes\n"])
def test_the_oracle_goes_on_after_a_megabyte(kind: str, piece: str) -> None:
    oracle = GoldOracle(book({"a.py": "x = 1\n"}, {"a.py": "x = 2\n"}))
    prompt = step_prompt("Change a.py", ["a.py"], {"a.py": "x = 1\n"})
    with within(3):
        oracle.observe(kind, context("t", {}), piece * (MEGABYTE // len(piece)))

        assert read(oracle.answer("implement", prompt)) == (Edit("a.py", "x = 1", "x = 2"),)


_PIECES = ['<edit file="a">', "<edit\n file='b'>", "</edit>", "<search>", "</search>", "x", "\n"]


@given(st.lists(st.sampled_from([*_PIECES, "<replacement>", "</replacement>"])).map("".join))
def test_blocks_are_those_that_the_agents_own_pattern_finds(answer: str) -> None:
    pattern = re.compile(r'<edit\s+file="([^"]+)">(.*?)</edit>', re.DOTALL)
    blocks = [f'<edit file="{path}">{inner}</edit>' for path, inner in pattern.findall(answer)]

    assert _outcome(answer) == _outcome("".join(blocks))


def _outcome(answer: str) -> str:
    try:
        return written(read(answer))
    except ValueError as error:
        return str(error)
