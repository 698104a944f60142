"""Sentinels look like tests, have known results, and betray who paints everything green."""

from __future__ import annotations

import random
import unittest
from pathlib import PurePosixPath

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cra_pipeline.contracts.testrun import TestResult
from cra_pipeline.integrations.testrun.sentinels import broken_rule, plant, unplanted


def seeded(seed: int) -> random.Random:
    return random.Random(seed)  # noqa: S311  # a test wants to see the same draw again


WANTED = ["tests/test_a.py", "tests/test_b.py"]
PLANTED = plant(WANTED, ["tests"], set(), seeded(7))
HONEST = {
    "tests/test_a.py::test_x": TestResult.PASSED,
    **dict.fromkeys(PLANTED.must_fail, TestResult.FAILED),
    **dict.fromkeys(PLANTED.must_pass, TestResult.PASSED),
}


@given(st.integers(), st.lists(st.sampled_from("abcdef"), unique=True))
def test_one_is_first_one_last_and_one_between(seed: int, names: list[str]) -> None:
    wanted = [f"tests/test_{name}.py" for name in names]
    planted = plant(wanted, ["tests", "tests/deep"], set(), seeded(seed))

    assert [path for path in planted.order if path in wanted] == wanted
    assert planted.order[0] in planted.files
    assert planted.order[-1] in planted.files
    assert len({*planted.order}) == len(wanted) + 3
    assert len(planted.must_fail) == len(planted.must_pass) == 6


@given(st.integers())
def test_planted_tests_have_the_results_that_they_claim(seed: int) -> None:
    planted = plant(WANTED, ["."], set(), seeded(seed))
    failed: set[str] = set()
    for path, text in planted.files.items():
        module: dict[str, object] = {}
        exec(compile(text, path, "exec"), module)  # noqa: S102  # our own text
        for name, value in sorted(module.items()):
            if isinstance(value, type) and issubclass(value, unittest.TestCase):
                result = unittest.TestResult()
                unittest.defaultTestLoader.loadTestsFromTestCase(value).run(result)
                broken = [case for case, _ in [*result.failures, *result.errors]]
                failed |= {f"{path}::{name}::{case.id().rpartition('.')[2]}" for case in broken}
            elif callable(value) and name.startswith("test_"):
                try:
                    value()
                except (AssertionError, ValueError):
                    failed.add(f"{path}::{name}")

    assert failed == planted.must_fail


def test_existing_files_are_never_overwritten() -> None:
    taken = set(PLANTED.files)

    assert not taken & plant(WANTED, ["tests"], taken, seeded(7)).files.keys()


def test_file_names_differ_even_across_folders() -> None:
    taken = {f"elsewhere/{PurePosixPath(path).name}" for path in PLANTED.files}
    planted = plant(WANTED, ["a", "b"], taken, seeded(7))
    names = {PurePosixPath(path).name for path in planted.files}

    assert len(names) == 3
    assert not names & {PurePosixPath(path).name for path in PLANTED.files}


def test_names_differ_from_run_to_run() -> None:
    drawn = {tuple(plant(WANTED, ["."], set(), random.SystemRandom()).files) for _ in range(5)}

    assert len(drawn) == 5


@pytest.mark.parametrize(
    ("change", "rule"),
    [
        ({}, ""),
        ({min(PLANTED.must_fail): TestResult.PASSED}, "must_fail_sentinel_passed"),
        ({max(PLANTED.must_pass): TestResult.FAILED}, "must_pass_sentinel_failed"),
        ({min(PLANTED.must_pass): TestResult.SKIPPED}, "must_pass_sentinel_failed"),
        ({min(PLANTED.must_fail): None}, "sentinel_missing"),
        (dict.fromkeys(sorted(PLANTED.must_pass | PLANTED.must_fail)), "sentinel_missing"),
    ],
)
def test_each_broken_rule_is_named(change: dict[str, TestResult | None], rule: str) -> None:
    merged = {**HONEST, **change}
    results = {test_id: result for test_id, result in merged.items() if result is not None}

    assert broken_rule(PLANTED, results) == rule


def test_a_session_without_green_claims_is_no_forgery() -> None:
    assert broken_rule(PLANTED, {"tests/test_a.py::test_x": TestResult.FAILED}) == ""


def test_plain_functions_may_be_unknown_to_a_history_only_if_none_passed() -> None:
    methods = {test_id: result for test_id, result in HONEST.items() if test_id.count("::") == 2}

    assert broken_rule(PLANTED, methods | {"tests/t.py::A::test_x": TestResult.PASSED}) == ""
    assert broken_rule(PLANTED, methods | {"tests/t.py::test_x": TestResult.PASSED}) == (
        "sentinel_missing"
    )


def test_without_sentinels_nothing_is_asked() -> None:
    assert broken_rule(unplanted(WANTED), {"a.py::b": TestResult.PASSED}) == ""
