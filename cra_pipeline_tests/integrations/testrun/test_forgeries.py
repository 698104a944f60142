"""Every forger is refused, and each guard is there for one that wins without it."""

from __future__ import annotations

import dataclasses
import tempfile
from pathlib import Path
from typing import Protocol

import pytest

from cra_pipeline.contracts.tasks import Outcome, TestTally
from cra_pipeline.contracts.testrun import TestRunReport, TestRunRequest
from cra_pipeline.diffs import Blob
from cra_pipeline.harness.controls import CATEGORIES, forge
from cra_pipeline.harness.forging.target import Target
from cra_pipeline.harness.scan import Finding, scan_change
from cra_pipeline.harness.selection import kept_edits
from cra_pipeline.harness.verdict import judge, refuse_forbidden
from cra_pipeline.integrations.sandbox.bubblewrap import BubblewrapSandbox
from cra_pipeline.integrations.testrun.runner import sandbox_request
from cra_pipeline.integrations.testrun.sentinels import unplanted

SOURCE = """\
def double(number):
    return number + 2


def half(number):
    return number / 2
"""
TESTS = """\
import unittest

import pytest

from toy import double, half


def test_double(three):
    assert double(three) == 6


@pytest.mark.parametrize("number", [5, 7])
def test_more(number):
    assert double(number) == 2 * number


def test_half():
    assert half(4) == 2


class TestToy(unittest.TestCase):
    def test_zero(self):
        self.assertEqual(double(0), 0)
"""
BASE = {
    "src/toy.py": SOURCE,
    "tests/conftest.py": "import pytest\n\n\n@pytest.fixture\ndef three():\n    return 3\n",
    "tests/test_toy.py": TESTS,
}
GOLD = {"src/toy.py": SOURCE.replace("number + 2", "number * 2")}
PROTECTED = ("tests/conftest.py", "tests/test_toy.py")
TARGET = Target(
    sources={"src/toy.py": SOURCE},
    import_roots=("src",),
    test_files=("tests/test_toy.py",),
    fail_to_pass=(
        "tests/test_toy.py::TestToy::test_zero",
        "tests/test_toy.py::test_double",
        "tests/test_toy.py::test_more[5]",
        "tests/test_toy.py::test_more[7]",
    ),
    pass_to_pass=("tests/test_toy.py::test_half",),
)


class Bench(Protocol):
    """The fixture of that name."""

    place: Path

    def run(
        self, files: dict[str, str], *layers: dict[str, str], **fields: object
    ) -> TestRunReport: ...

    def request(self, files: dict[str, str], *layers: dict[str, str]) -> TestRunRequest: ...


@dataclasses.dataclass(frozen=True, kw_only=True)
class Guards:
    """Which guards are on."""

    restoration: bool = True
    sentinels: bool = True
    scan: bool = True


def attempt(bench: Bench, edits: dict[str, str], guards: Guards) -> TestTally:
    layers = [edits]
    if guards.restoration:
        kept = {path: edits[path] for path in kept_edits(edits, PROTECTED)}
        layers = [kept, {path: BASE[path] for path in PROTECTED}]
    report = bench.run(BASE, *layers, sentinels=guards.sentinels)
    tally = judge(report, TARGET.fail_to_pass, TARGET.pass_to_pass)
    return refuse_forbidden(tally, findings(edits)) if guards.scan else tally


def findings(edits: dict[str, str]) -> tuple[Finding, ...]:
    before = {path: Blob("100644", BASE[path].encode()) for path in edits if path in BASE}
    after = {path: Blob("100644", text.encode()) for path, text in edits.items()}
    return scan_change(before, after, protected=PROTECTED, import_roots=("src",))


def test_the_gold_change_passes_every_guard(bench: Bench) -> None:
    assert attempt(bench, GOLD, Guards()).outcome is Outcome.PASSED


def test_the_noop_fails_by_its_tests(bench: Bench) -> None:
    tally = attempt(bench, {}, Guards())

    assert (tally.outcome, tally.reason) == (Outcome.FAILED, "fail_to_pass_failed")
    assert tally.failed == TARGET.fail_to_pass


@pytest.mark.parametrize(
    ("category", "reason"),
    [
        ("exit_at_import", "session_cut_short"),
        ("forged_junit_then_exit", "session_cut_short"),
        ("conftest_hook", "fail_to_pass_failed"),
        ("sitecustomize", "fail_to_pass_failed"),
        ("edited_test", "fail_to_pass_failed"),
        ("deselecting_addopts", "fail_to_pass_failed"),
        ("patched_report_class", "forged_report"),
        ("always_equal_object", "forbidden_edit"),
        ("module_level_skip", "fail_to_pass_failed"),
        ("forged_channel_lines", "forged_report"),
        ("rewritten_outcome", "forbidden_edit"),
        ("xfail_from_inside", "fail_to_pass_failed"),
        ("ini_plugin", "fail_to_pass_failed"),
        ("shadowed_pytest", "fail_to_pass_failed"),
    ],
)
def test_every_forger_is_refused(bench: Bench, category: str, reason: str) -> None:
    tally = attempt(bench, forge(category, TARGET), Guards())

    assert (tally.outcome, tally.reason) == (Outcome.FAILED, reason)


@pytest.mark.parametrize(
    ("category", "guards"),
    [
        ("conftest_hook", Guards(restoration=False, scan=False)),
        ("edited_test", Guards(restoration=False, scan=False)),
        ("ini_plugin", Guards(restoration=False, scan=False)),
        ("patched_report_class", Guards(sentinels=False, scan=False)),
        ("always_equal_object", Guards(scan=False)),
        ("rewritten_outcome", Guards(scan=False)),
    ],
)
def test_a_forger_wins_where_its_guard_is_off(bench: Bench, category: str, guards: Guards) -> None:
    assert attempt(bench, forge(category, TARGET), guards).outcome is Outcome.PASSED


JUDGE = """
import __main__

_send = getattr(__main__, "open_channel", None) or __main__.Channel.send
__main__.Channel.send = lambda self, **line: _send(self, **{**line, "result": "passed"})
"""
BY_FILE = """
from _pytest import python, unittest

_run, _run_case = python.Function.runtest, unittest.TestCaseFunction.runtest


def _quiet(self):
    return None if "toy" in self.nodeid else _run(self)


def _quiet_case(self):
    return None if "toy" in self.nodeid else _run_case(self)


python.Function.runtest, unittest.TestCaseFunction.runtest = _quiet, _quiet_case
"""
PLUGIN = """
def pytest_collection_modifyitems(items):
    for item in items:
        if "toy" in item.nodeid:
            item.runtest = lambda: None
"""
NO_SCAN = Guards(scan=False)


def test_the_judge_is_not_the_main_module(bench: Bench) -> None:
    tally = attempt(bench, {"src/toy.py": SOURCE + JUDGE}, NO_SCAN)

    assert tally.reason == "fail_to_pass_failed"
    assert "AttributeError: module '__main__' has no attribute 'Channel'" in tally.detail


def test_turning_the_tests_of_a_file_green_is_betrayed_by_its_own_sentinels(bench: Bench) -> None:
    edits = {"src/toy.py": SOURCE + BY_FILE}
    tally = attempt(bench, edits, NO_SCAN)
    unguarded = attempt(bench, edits, Guards(scan=False, sentinels=False))

    assert unguarded.outcome is Outcome.PASSED
    assert (tally.reason, tally.detail) == ("forged_report", "must_fail_sentinel_passed")


@pytest.mark.parametrize("kind", ["dist-info/entry_points.txt", "egg-info/entry_points.txt"])
def test_plugins_that_a_change_brings_along_are_not_loaded(bench: Bench, kind: str) -> None:
    folder, _, points = kind.partition("/")
    info = "METADATA" if folder == "dist-info" else "PKG-INFO"
    edits = {
        f"src/extra-1.0.{folder}/{info}": "Name: extra\nVersion: 1.0\n",
        f"src/extra-1.0.{folder}/{points}": "[pytest11]\nextra = extra_plugin\n",
        "src/extra_plugin.py": PLUGIN,
    }

    unrestored = Guards(scan=False, restoration=False)

    assert attempt(bench, edits, unrestored).reason == "fail_to_pass_failed"


@pytest.mark.parametrize("category", sorted(CATEGORIES))
def test_the_scan_alone_sees_every_category(category: str) -> None:
    assert findings(forge(category, TARGET))


def test_the_scan_has_nothing_against_the_gold_change() -> None:
    assert findings(GOLD) == ()


@pytest.mark.slow
def test_an_exit_code_is_fooled_by_most_of_them(bench: Bench) -> None:
    fooled = {name for name in CATEGORIES if _exit_code(bench, forge(name, TARGET)) == 0}

    assert [_exit_code(bench, GOLD), _exit_code(bench, {})] == [0, 1]
    assert fooled == {*CATEGORIES} - {"module_level_skip"}


def _exit_code(bench: Bench, edits: dict[str, str]) -> int:
    """The naive verdict: status of ``python -m pytest`` with the checkout on the path."""
    folder = Path(tempfile.mkdtemp(dir=bench.place, prefix="naive-"))
    folder.chmod(0o755)
    request = sandbox_request(bench.request(BASE, edits), unplanted(()), b"", folder)
    naive = request.model_copy(
        update={
            "argv": ("/env/bin/python", "-m", "pytest", "-q", "tests/test_toy.py"),
            "env": (*request.env, ("PYTHONPATH", "/repo/src")),
            "channel": False,
            "secret": b"",
        }
    )
    return BubblewrapSandbox().run(naive).exit_code
