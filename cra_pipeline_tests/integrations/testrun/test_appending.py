"""Tests at the end of a wanted file fail or pass as told, and unusual files stay as they are."""

from __future__ import annotations

import random
import unittest

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cra_pipeline.contracts.testrun import TestResult
from cra_pipeline.integrations.testrun.appending import append, style_of
from cra_pipeline.integrations.testrun.sentinels import broken_rule, plant

FUNCTION = b"def test_a():\n    pass\n"
METHOD = (
    b"import unittest\n\n\nclass TestA(unittest.TestCase):\n    def test_a(self):\n        pass"
)
PATH = "tests/test_a.py"


def seeded(seed: int) -> random.Random:
    return random.Random(seed)  # noqa: S311  # a test wants to see the same draw again


@given(st.integers())
def test_appended_functions_do_as_told(seed: int) -> None:
    appended = append({PATH: FUNCTION}, seeded(seed))
    module: dict[str, object] = {}
    exec(appended.files[PATH], module)  # noqa: S102  # our own text
    failing, passing = (
        module[next(iter(ids)).rpartition("::")[2]]
        for ids in (appended.must_fail, appended.must_pass)
    )

    assert appended.files[PATH].startswith(FUNCTION.decode())
    assert callable(passing)
    assert passing() is None
    assert callable(failing)
    with pytest.raises(AssertionError):
        failing()


@given(st.integers())
def test_appended_methods_do_as_told(seed: int) -> None:
    appended = append({PATH: METHOD}, seeded(seed))
    module: dict[str, object] = {"__name__": "made"}
    exec(appended.files[PATH], module)  # noqa: S102  # our own text
    _, group, failing = next(iter(appended.must_fail)).split("::")
    case = module[group]
    result = unittest.TestResult()
    assert isinstance(case, type)
    assert issubclass(case, unittest.TestCase)
    unittest.defaultTestLoader.loadTestsFromTestCase(case).run(result)

    assert result.testsRun == 2
    assert [broken.id().rpartition(".")[2] for broken, _ in result.failures] == [failing]


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"import a\n",
        FUNCTION + b"def broken(:\n",
        FUNCTION.replace(b"\n", b"\r\n"),
        b"\xef\xbb\xbf" + FUNCTION,
        b"# -*- coding: latin-1 -*-\nX = '\xe9'\n" + FUNCTION,
        b"#!/usr/bin/python\n# coding: latin-1\n" + FUNCTION,
        b"X = '\xe9'\n" + FUNCTION,
        FUNCTION + b"__all__ = []\n",
        FUNCTION + b"pytestmark = []\n",
        FUNCTION + b"def setup_function():\n    pass\n",
        FUNCTION + b"\0",
        b"class Case:\n    pass\n",
    ],
)
def test_unusual_files_stay_as_they_are(content: bytes) -> None:
    assert style_of(content) == ""
    assert append({PATH: content}, seeded(1)).files == {}


@pytest.mark.parametrize("path", ["tests/test_a.txt", "tests/test_\xe9.py", "a/" * 200 + "t.py"])
def test_unusual_paths_stay_as_they_are(path: str) -> None:
    assert append({path: FUNCTION}, seeded(1)).files == {}


APPENDED = append({PATH: FUNCTION}, seeded(3))
PLANTED = plant([PATH], ["tests"], set(), seeded(7), APPENDED)
HONEST = {
    f"{PATH}::test_a": TestResult.PASSED,
    **dict.fromkeys(PLANTED.must_fail | APPENDED.must_fail, TestResult.FAILED),
    **dict.fromkeys(PLANTED.must_pass | APPENDED.must_pass, TestResult.PASSED),
}


@pytest.mark.parametrize(
    ("change", "rule"),
    [
        ({}, ""),
        ({min(APPENDED.must_fail): TestResult.PASSED}, "must_fail_sentinel_passed"),
        ({min(APPENDED.must_pass): TestResult.ERROR}, "must_pass_sentinel_failed"),
        ({min(APPENDED.must_fail): None}, "sentinel_missing"),
        (dict.fromkeys([*APPENDED.must_fail, *APPENDED.must_pass]), "sentinel_missing"),
    ],
)
def test_each_broken_rule_is_named(change: dict[str, TestResult | None], rule: str) -> None:
    merged = {**HONEST, **change}
    results = {test_id: result for test_id, result in merged.items() if result is not None}

    assert broken_rule(PLANTED, results) == rule


def test_a_file_without_a_green_test_may_lack_its_own() -> None:
    planted_only = {key: HONEST[key] for key in PLANTED.must_fail | PLANTED.must_pass}

    assert broken_rule(PLANTED, planted_only | {"tests/b.py::test_b": TestResult.PASSED}) == ""


def test_appended_ids_are_owned_with_and_without_parameters() -> None:
    test_id = min(APPENDED.must_fail)

    assert PLANTED.owns(test_id)
    assert PLANTED.owns(f"{test_id}[trio]")
    assert not PLANTED.owns(f"{PATH}::test_a")
