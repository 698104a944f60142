"""A program is cut into steps that each leave a clean program behind."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cra_pipeline.datasets.cold_start.lint import faulty_lines
from cra_pipeline.datasets.cold_start.lintseq import LintSeqPolicy, states_of, steps_of
from cra_pipeline.datasets.cold_start.wanted import Dropped, Wanted

PROGRAM = '''import json
from pathlib import Path

LIMIT = 10


def load(path):
    """Read a file."""
    text = Path(path).read_text()
    return json.loads(text)


class Store:
    def __init__(self):
        self.rows = []

    def add(self, row):
        if len(self.rows) >= LIMIT:
            raise ValueError("full")
        self.rows.append(row)


def main(path):
    store = Store()
    for row in load(path):
        store.add(row)
    return store
'''
MATCH = """
match 1:
    case [a, *b]:
        print(a, b)
    case {"k": 1, **r}:
        print(r)
"""
MANY = LintSeqPolicy(most_steps=100)


@given(st.text(max_size=4))
def test_every_state_is_clean_and_the_last_is_the_program(seed: str) -> None:
    states = states_of(PROGRAM, MANY, seed=seed)

    assert not isinstance(states, Dropped)
    assert states[-1] == PROGRAM
    assert all(faulty_lines(state) == frozenset() and state.strip() for state in states)
    assert len(states) > 3


@given(st.text(max_size=4))
def test_each_state_holds_all_lines_of_the_one_before(seed: str) -> None:
    states = states_of(PROGRAM, MANY, seed=seed)

    assert not isinstance(states, Dropped)
    for early, late in pairwise(states):
        rest = iter(late.split("\n"))
        assert all(line in rest for line in early.split("\n"))
        assert early != late


def test_equal_seeds_give_equal_states_and_others_do_not() -> None:
    assert states_of(PROGRAM, MANY, seed="1") == states_of(PROGRAM, MANY, seed="1")
    assert states_of(PROGRAM, MANY, seed="1") != states_of(PROGRAM, MANY, seed="2")


def test_steps_lead_from_stub_to_program_and_name_what_they_write() -> None:
    wanted = Wanted(task="Store rows", path="a.py", before="PLACEHOLDER = None\n", after=PROGRAM)

    steps = steps_of(wanted, LintSeqPolicy(most_steps=3), seed="1")

    assert not isinstance(steps, Dropped)
    assert len(steps) == 3
    assert steps[0].before == wanted.before
    assert steps[-1].after == PROGRAM
    assert all(one.after == two.before for one, two in pairwise(steps))
    names = {name for step in steps for name in step.symbols}
    assert {"load", "main"} <= names <= {"load", "main", "Store", "add", "__init__", "LIMIT"}


@pytest.mark.parametrize(
    ("program", "reason"),
    [("x = 1\n" * 300, "too_long_for_steps"), ("print(unknown)\n", "not_lint_clean")],
)
def test_what_cannot_be_cut_is_dropped(program: str, reason: str) -> None:
    found = states_of(program, LintSeqPolicy(), seed="1")

    assert isinstance(found, Dropped)
    assert found.reason == reason


@pytest.mark.parametrize(
    ("text", "lines"),
    [
        ("", set()),
        ("x = 1\nprint(x)\n", set()),
        ("print(x)\n", {1}),
        ("def f():\nx = 1\n", {1}),
        ("x = (\ny = 1\n", {1}),
        ("if 1:\n    pass\n  x = 1\n", {3}),
        ("from a import *\nprint(x)\n", set()),
        ("import a.b as c, d.e\nc, d\n", set()),
        ("try:\n    pass\nexcept OSError as e:\n    print(e)\n", set()),
        (
            MATCH,
            set(),
        ),
        ("def f(a, *b, c=1, **d):\n    return a, b, c, d, lambda e: e\n", set()),
        ("[x for x in range(3)]\n(y := 1)\ny\n", set()),
        ("x = '\0'\n", {1}),
    ],
)
def test_faults_are_told_by_line(text: str, lines: set[int]) -> None:
    assert faulty_lines(text) == lines


def test_a_linter_that_blames_the_end_of_the_text_is_heard() -> None:
    def no_lonely_head(text: str) -> frozenset[int]:
        return frozenset({99}) if text == "a = 1\n" else frozenset()

    assert states_of("a = 1\nb = 1\n", MANY, seed="0", linter=no_lonely_head) in (
        ("b = 1\n", "a = 1\nb = 1\n"),
        ("a = 1\nb = 1\n",),
    )
