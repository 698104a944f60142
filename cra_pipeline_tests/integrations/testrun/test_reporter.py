"""What the plug-in makes of phases, reports and ids, without a session around it."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cra_pipeline.integrations.testrun.reporter import (
    LONGEST_ID,
    Progress,
    describe,
    missing_modules,
    short_id,
    shuffled,
)


class Broken(Exception):  # noqa: N818  # its text is what matters
    def __str__(self) -> str:
        raise RuntimeError("no")


def report(outcome: str, when: str = "call", **more: object) -> SimpleNamespace:
    return SimpleNamespace(outcome=outcome, when=when, longrepr="E boom", **more)


def progress(**phases: tuple[str, BaseException | None]) -> Progress:
    known = Progress()
    for when, (outcome, raised) in phases.items():
        known.make(when, raised, report(outcome, when))
        known.log(report(outcome, when))
    return known


GREEN = ("passed", None)


def test_three_green_phases_are_a_pass() -> None:
    assert progress(setup=GREEN, call=GREEN, teardown=GREEN).result() == ("passed", "")


@pytest.mark.parametrize(
    ("phases", "result"),
    [
        ({"setup": ("failed", ValueError("x"))}, ("error", "ValueError: x")),
        ({"setup": GREEN, "call": ("failed", ValueError("x"))}, ("failed", "ValueError: x")),
        ({"setup": GREEN, "call": ("passed", ValueError("x"))}, ("failed", "ValueError: x")),
        ({"setup": GREEN, "call": GREEN, "teardown": ("failed", None)}, ("error", "boom")),
        ({"setup": ("skipped", None), "teardown": GREEN}, ("skipped", "boom")),
        ({"setup": GREEN, "call": GREEN}, ("error", "a phase of the test left no report")),
        ({}, ("error", "a phase of the test left no report")),
    ],
)
def test_anything_less_is_none(
    phases: dict[str, tuple[str, BaseException | None]], result: tuple[str, str]
) -> None:
    assert progress(**phases).result() == result


def test_a_report_painted_before_others_saw_it_is_no_pass() -> None:
    known = progress(setup=GREEN, teardown=GREEN)
    known.make("call", None, report("passed"))

    assert known.result()[0] == "error"


def test_a_failed_subtest_stays_failed() -> None:
    known = progress(setup=GREEN)
    known.log(report("failed"))
    known.make("call", None, report("passed"))

    assert known.result() == ("failed", "boom")


def test_expected_failures_are_named() -> None:
    known = progress(setup=GREEN)
    known.make("call", ValueError("x"), report("skipped", wasxfail="known"))

    assert known.result() == ("xfailed", "ValueError: x")


def test_a_text_that_cannot_be_made_is_told() -> None:
    assert describe(Broken()) == "Broken: (no text: RuntimeError)"


def test_missing_modules_are_found_behind_other_errors() -> None:
    inner = ModuleNotFoundError("No module", name="absent.part")
    outer = ValueError("x")
    outer.__cause__ = inner
    inner.__context__ = outer  # a ring must not hang

    assert missing_modules(outer) == {"absent"}


@given(st.text(min_size=LONGEST_ID))
def test_huge_ids_are_cut_and_stay_distinct(text: str) -> None:
    assert len(short_id(text)) <= LONGEST_ID
    assert short_id(text + "a") != short_id(text + "b")


def test_ids_of_undecodable_bytes_can_be_stored() -> None:
    assert short_id("a\udc80") == "a\\udc80"


IDS = [f"tests/{f}.py::{g}{t}" for f in "ab" for g in ("", "A::", "B::") for t in ("x", "y[1]")]


@given(st.integers(min_value=1))
def test_a_shuffle_keeps_files_in_place_and_classes_together(seed: int) -> None:
    items = [SimpleNamespace(nodeid=test_id) for test_id in IDS]
    ids = [item.nodeid for item in shuffled(items, seed)]

    assert sorted(ids) == sorted(IDS)
    assert [test_id[:8] for test_id in ids] == [test_id[:8] for test_id in IDS]
    for group in ("a.py::A", "a.py::B", "b.py::A", "b.py::B"):
        places = [place for place, test_id in enumerate(ids) if group in test_id]
        assert places == list(range(places[0], places[0] + len(places)))


def test_seeds_give_different_orders() -> None:
    items = [SimpleNamespace(nodeid=test_id) for test_id in IDS]

    assert len({tuple(item.nodeid for item in shuffled(items, seed)) for seed in range(9)}) > 3
