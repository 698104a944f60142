"""Failure texts repeat; of two results of one id the worse one counts."""

from __future__ import annotations

import itertools

import pytest

from cra_pipeline.contracts.testrun import TestResult
from cra_pipeline.integrations.testrun.wording import steady, worse


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("<Foo object at 0x7f689c5c9090>", "<Foo object at 0x7f0000000010>"),
        ("took 0.31 seconds", "took 12 seconds"),
        ("at 2026-11-24T06:20:01.5Z", "at 2025-01-02 00:00:00"),
        ("no /tmp/pytest-of-tester/pytest-0/x.txt here", "no /tmp/other/y here"),
        ("pid 412 died", "pid 7 died"),
        ("id 123e4567-e89b-12d3-a456-426614174000", "id 00000000-e89b-12d3-a456-426614174000"),
    ],
)
def test_what_changes_from_run_to_run_is_gone(one: str, other: str) -> None:
    assert steady(one) == steady(other)


@pytest.mark.parametrize(
    "text", ["assert 4 == 5", "No module named 'toy'", "/repo/src/toy.py line 3", "x = 12 items"]
)
def test_what_repeats_stays(text: str) -> None:
    assert steady(text) == text


def test_lines_are_joined() -> None:
    assert steady("a\n  b\tc\n") == "a b c"


def test_a_pass_is_worse_than_nothing() -> None:
    results = list(TestResult)

    assert all(worse(result, TestResult.PASSED) is result for result in results)
    assert all(worse(a, b) is worse(b, a) for a, b in itertools.product(results, results))
