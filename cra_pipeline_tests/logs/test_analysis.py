"""Questions about runs, as the docstrings show them and where they go wrong."""

from __future__ import annotations

import doctest
from collections.abc import Iterator
from pathlib import Path

import pytest

from cra_pipeline.errors import StoreError
from cra_pipeline.logs import agreement, analysis, databases, entries, facts, intervals
from cra_pipeline.logs.analysis import LogAnalysisAPI
from cra_pipeline.logs.stage.lakes import copies, log_analysis
from cra_pipeline.logs.stage.snapshots import snapshot_raw
from cra_pipeline_tests.integrations.raw_db.databases import TASK
from cra_pipeline_tests.logs.workspaces import ATTEMPTS, example_workspace, users_database


@pytest.fixture(scope="module")
def logs(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LogAnalysisAPI]:
    root = tmp_path_factory.mktemp("logs")
    layout = example_workspace(root)
    snapshot_raw(layout, "r01", databases=[users_database(root)])
    with log_analysis(layout, "r01", ["till|r01", "never|r01"]) as found:
        yield found


def test_the_examples_of_the_docstrings_hold(logs: LogAnalysisAPI) -> None:
    found = doctest.testmod(analysis, extraglobs={"example_logs": lambda: logs})

    assert found.failed == 0
    assert found.attempted > 10


@pytest.mark.parametrize("module", [agreement, databases, entries, facts, intervals])
def test_examples_of_the_rules_hold(module: object) -> None:
    found = doctest.testmod(module)  # type: ignore[arg-type]  # a module, as parametrized

    assert found.failed == 0
    assert found.attempted > 0


@pytest.mark.parametrize("task", ["", "no such task", "till-000000000001"])
def test_what_is_not_one_run_is_refused(logs: LogAnalysisAPI, task: str) -> None:
    with pytest.raises(KeyError, match="expected one run, found"):
        logs.run(task)


def test_a_task_without_runs_is_refused(logs: LogAnalysisAPI) -> None:
    with pytest.raises(KeyError, match="no run is known"):
        logs.task("no such task")


@pytest.mark.parametrize(
    "task",
    [ATTEMPTS[0], TASK.format(1), f"{TASK.format(1)}:impl:p1:s0"],
    ids=["ours", "run", "pass"],
)
def test_a_run_is_found_by_each_of_its_ids(logs: LogAnalysisAPI, task: str) -> None:
    run = logs.run(task)

    assert (run.agent_task, run.attempt_id) == (TASK.format(1), ATTEMPTS[0])
    assert (run.outcome, run.validated, run.calls) == ("passed", True, 2)


def test_a_users_own_run_is_told_by_its_database(logs: LogAnalysisAPI) -> None:
    run = logs.run(TASK.format(3))

    assert (run.database, run.attempt_id, run.outcome) == ("shop", "", "")


def test_kinds_of_a_users_calls_are_told_by_prompts_that_the_gateway_saw(
    logs: LogAnalysisAPI,
) -> None:
    assert [call.call_kind for call in logs.calls(TASK.format(3))] == ["scope", "implement"]


def test_one_database_can_be_asked_alone(logs: LogAnalysisAPI) -> None:
    assert logs.calls(TASK.format(3), database="home") == ()
    assert len(logs.calls(TASK.format(3), database="shop")) == 2


@pytest.mark.parametrize(("rounds", "held_out"), [([], []), (["r02"], []), (["r01"], ["till"])])
def test_other_rounds_and_held_out_repositories_do_not_count(
    logs: LogAnalysisAPI, rounds: list[str], held_out: list[str]
) -> None:
    assert logs.answers(rounds, held_out) == ()
    assert logs.call_groups(rounds, held_out) == ()
    assert logs.verdicts(rounds, held_out) == ()
    assert logs.evidence("scope", rounds, held_out) == ()
    assert {row.source for row in logs.stock(rounds, held_out)} == {"logged"}


def test_values_are_never_part_of_a_statement(logs: LogAnalysisAPI) -> None:
    assert logs.calls("' OR 1 = 1 --") == ()


def test_a_damaged_copy_is_named(tmp_path: Path) -> None:
    layout = example_workspace(tmp_path)
    snapshot_raw(layout, "r01")
    path = copies(layout, "r01") / "task_runs" / "home.parquet"
    path.write_bytes(b"no table")

    with (
        pytest.raises(StoreError, match=r"task_runs/home\.parquet"),
        log_analysis(layout, "r01", ["till|r01"]),
    ):
        pass
