"""Rungs, the choice of what a probe collects, and how its report is read."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from cra_pipeline.contracts.commits import CommitRow
from cra_pipeline.contracts.sandbox import Ending
from cra_pipeline.contracts.testrun import TestOutcome, TestResult, TestRunReport
from cra_pipeline.packages.declared import read_declared
from cra_pipeline.packages.ladder import (
    declared_rungs,
    judge_probe,
    near_modules,
    probe_targets,
    wanted_plugins,
    with_added,
)
from cra_pipeline.packages.policy import PackagePolicy
from cra_pipeline.packages.providers import distribution_of

POLICY = PackagePolicy()
NOON = int(datetime(2024, 5, 6, 12, tzinfo=UTC).timestamp())


def commit(**fields: object) -> CommitRow:
    plain: dict[str, object] = {
        "repo": "own", "sha": "a" * 40, "base_sha": "b" * 40, "window": ("a" * 40,),
        "committed_at": NOON, "authored_at": NOON, "subject": "s", "message": "m",
        "qualified": True, "reason": "", "evidence": "", "rescue": "", "type": "step-plan",
        "also_types": (), "source_files": ("own/a.py",), "test_files": (), "other_files": (),
        "related_tests": (), "added_lines": 1, "deleted_lines": 0, "symbols": (),
    }  # fmt: skip
    return CommitRow.model_validate(plain | fields)


def report(  # noqa: PLR0913  # one keyword per fact of a report
    *,
    found: int = 1,
    errors: tuple[str, ...] = (),
    missing: tuple[str, ...] = (),
    detail: str = "",
    complete: bool = True,
    ending: Ending = Ending.EXITED,
) -> TestRunReport:
    tests = tuple(
        TestOutcome(test_id=f"t.py::test_{n}", result=TestResult.SKIPPED, detail="")
        for n in range(found)
    )
    broken = tuple(
        TestOutcome(test_id="t.py", result=TestResult.ERROR, detail=error) for error in errors
    )
    return TestRunReport(
        ending=ending, outcomes=tests, collect_errors=broken, missing_modules=missing,
        complete=complete, forged="", detail=detail,
    )  # fmt: skip


def test_rungs_go_from_narrow_to_wide_and_from_undated_to_dated() -> None:
    text = "[project]\nname='own'\n[dependency-groups]\ntests=['t']\ndev=['d']"
    declared = read_declared(frozenset({"pyproject.toml"}), {"pyproject.toml": text}, "")

    rungs = declared_rungs(declared, NOON, POLICY)

    assert [(rung.name, rung.as_of) for rung in rungs] == [
        ("tests", ""),
        ("tests", "2024-05-06"),
        ("development", ""),
        ("development", "2024-05-06"),
    ]
    assert rungs[0].requirements == ("pytest>=7.2", "t")
    assert rungs[2].requirements == ("d", "pytest>=7.2", "t")


def test_a_wide_rung_without_news_is_left_out_and_the_floor_holds() -> None:
    declared = read_declared(frozenset(), {}, "")

    rungs = declared_rungs(declared, 0, POLICY)

    assert [(rung.name, rung.as_of) for rung in rungs] == [("tests", ""), ("tests", "2023-01-01")]


def test_added_modules_make_a_rung_of_their_own() -> None:
    rung = declared_rungs(read_declared(frozenset(), {}, ""), NOON, POLICY)[0]

    assert with_added(rung, ["x"]).requirements == ("pytest>=7.2", "x")
    assert with_added(rung, ["x"]).name == "missing-modules"


TREE = frozenset({"tests/test_a.py", "tests/test_b.py", "tests/helper.py", "own/test_z.py"})


@pytest.mark.parametrize(
    ("fields", "targets"),
    [
        ({"test_files": ("tests/test_a.py", "tests/helper.py")}, ("tests/test_a.py",)),
        ({"test_files": ("tests/gone_test.py",), "related_tests": ("tests/test_b.py",)},
         ("tests/test_b.py",)),
        ({"test_files": ("tests/helper.py",)},
         ("tests/test_a.py", "tests/test_b.py", "own/test_z.py")),
        ({"test_files": ("tests/conftest.py",)},
         ("own/test_z.py", "tests/test_a.py", "tests/test_b.py")),
    ],
)  # fmt: skip
def test_touched_tests_are_probed_and_others_stand_for_support_files(
    fields: dict[str, object], targets: tuple[str, ...]
) -> None:
    assert probe_targets(commit(**fields), TREE, POLICY) == targets


def test_where_nothing_is_named_like_a_test_what_was_touched_is_probed() -> None:
    row = commit(test_files=("checks/one.py", "checks/conftest.py"))

    assert probe_targets(row, frozenset({*row.test_files}), POLICY) == ("checks/one.py",)


def test_names_that_the_tree_provides_are_no_distributions() -> None:
    tree = {"src/own/a.py", "tests/util.py", "conftest.py", "docs/x.md"}

    assert near_modules(tree, ["src"], ["tests/test_a.py"]) == {
        "own", "util", "tests", "src", "conftest",
    }  # fmt: skip


def test_a_clean_collection_passes() -> None:
    probe = judge_probe(report(found=3), frozenset())

    assert (probe.passed, probe.collected, probe.reason) == (True, 3, "")


@pytest.mark.parametrize(
    ("made", "reason"),
    [
        (report(found=0), "no_tests_collected"),
        (report(errors=("boom",)), "collection_failed: t.py: boom"),
        (report(errors=("x",), missing=("yaml",)), "missing_modules: yaml"),
        (report(complete=False, detail="exited 3"), "collection_broke_off: exited 3"),
        (report(ending=Ending.TIMED_OUT, complete=False, detail="d"), "collection_timed_out: d"),
    ],
)
def test_a_failed_collection_says_why(made: TestRunReport, reason: str) -> None:
    probe = judge_probe(made, frozenset())

    assert not probe.passed
    assert probe.reason == reason


def test_missing_modules_become_distributions_but_own_ones_do_not() -> None:
    made = report(errors=("x",), missing=("yaml", "own", "new_thing", "asyncio"))

    probe = judge_probe(made, frozenset({"own"}))

    assert probe.missing == ("new-thing", "pyyaml")
    assert probe.own_missing == ("own",)


@pytest.mark.parametrize(
    ("words", "plugins"),
    [
        ("error: unrecognized arguments: --cov=own --cov-report=term -n4", {"pytest-cov",
         "pytest-xdist"}),
        ("Missing required plugins: pytest-foo>=1, pytest-bar", {"pytest-foo", "pytest-bar"}),
        ("Unknown config option: asyncio_mode", {"pytest-asyncio"}),
        ("'timeout' not found in `markers` configuration option", {"pytest-timeout"}),
        ("unrecognized arguments: --own-option", set()),
    ],
)  # fmt: skip
def test_complaints_of_pytest_point_to_plugins(words: str, plugins: set[str]) -> None:
    assert wanted_plugins(words) == plugins


def test_refused_arguments_are_told_from_broken_tests() -> None:
    refused = report(found=0, complete=True, detail="error: unrecognized arguments: --odd")

    assert judge_probe(refused, frozenset()).usage
    assert not judge_probe(report(errors=("usage: wrong",)), frozenset()).usage


@pytest.mark.parametrize(
    ("module", "distribution"),
    [("yaml", "pyyaml"), ("some_lib", "some-lib"), ("imp", ""), ("_x", ""), ("tkinter", "")],
)
def test_a_table_knows_names_that_differ(module: str, distribution: str) -> None:
    assert distribution_of(module) == distribution
