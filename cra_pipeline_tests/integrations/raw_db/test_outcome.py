"""The agent's own verdict is read by its full rule, and its log as it stands."""

from __future__ import annotations

from pathlib import Path

import pytest

from cra_pipeline.errors import StoreError
from cra_pipeline.integrations.raw_db.outcome import (
    AgentStatus,
    LoggedCall,
    agent_outcome,
    logged_calls,
)
from cra_pipeline_tests.integrations.raw_db.databases import (
    TASK,
    add_run,
    attempt_database,
    empty_database,
    insert,
    opened,
)


@pytest.mark.parametrize(
    ("status", "completed", "total", "validations", "succeeded"),
    [
        ("complete", 1, 1, (1,), True),
        ("complete", 2, 2, (1, 1), True),
        ("complete", 1, 2, (1,), False),
        ("complete", 1, 1, (1, 0), False),
        ("complete", 1, 1, (), False),
        ("complete", 0, None, (1,), False),
        ("partial", 1, 1, (1,), False),
        ("failed", 1, 1, (1,), False),
        ("running", 1, 1, (1,), False),
    ],
)
def test_success_is_complete_and_every_part_and_validated(  # noqa: PLR0913, PLR0917  # columns
    tmp_path: Path,
    status: str,
    completed: int,
    total: int | None,
    validations: tuple[int, ...],
    succeeded: bool,  # noqa: FBT001  # a column of the table
) -> None:
    found = agent_outcome(
        attempt_database(
            tmp_path / "raw.sqlite",
            status=status,
            completed=completed,
            total=total,
            validations=validations,
        )
    )

    assert found == AgentStatus(
        task_id=TASK.format(1),
        status="crashed" if status == "running" else status,  # type: ignore[arg-type]  # as given
        parts_completed=completed,
        total_parts=total,
        validated=all(validations) if validations else None,
        error="",
        runs=1,
    )
    assert found.succeeded is succeeded


def test_without_a_run_the_agent_says_nothing(tmp_path: Path) -> None:
    found = agent_outcome(empty_database(tmp_path / "raw.sqlite"))

    assert (found.status, found.runs, found.succeeded) == ("absent", 0, False)


def test_the_latest_run_counts_and_only_its_own_validations(tmp_path: Path) -> None:
    path = attempt_database(tmp_path / "raw.sqlite", status="running", validations=(0,))
    with opened(path) as connection:
        settled = {"status": "complete", "parts_completed": 1, "total_parts": 1}
        add_run(connection, TASK.format(2), steps=1, validations=(1,), **settled)
    found = agent_outcome(path)

    assert (found.task_id, found.runs, found.succeeded) == (TASK.format(2), 2, True)


def test_what_is_told_of_failing_tests_is_the_failure_that_counts(tmp_path: Path) -> None:
    path = attempt_database(tmp_path / "raw.sqlite", status="failed", validations=(0,))
    words = (
        "FAILED a.py::passed_over\n1 failed in 3.02s\n\nfailures that count: 1\nFAILED b.py::b\n"
    )
    with opened(path) as connection:
        connection.execute("UPDATE validation_results SET test_output = ?", (words,))

    assert agent_outcome(path).failing == "FAILED b.py::b"


def test_an_unknown_status_is_refused(tmp_path: Path) -> None:
    path = attempt_database(tmp_path / "raw.sqlite", status="paused")

    with pytest.raises(StoreError, match=r"orchestrator_runs\.status is 'paused'"):
        agent_outcome(path)


def test_calls_come_in_the_order_of_their_ids_with_every_text(tmp_path: Path) -> None:
    path = attempt_database(tmp_path / "raw.sqlite", steps=1)
    with opened(path) as connection:
        insert(
            connection,
            "retrieval_llm_calls",
            task_id="t",
            call_type="c",
            model="m",
            prompt="\ufefflast\r\n",
            response="no",
            thinking="hm",
            prompt_tokens=7,
            latency_ms=3,
        )

    assert logged_calls(path)[1:] == (
        LoggedCall(
            id=2,
            task_id="t",
            call_type="c",
            stage_name="",
            sub_stage="",
            model="m",
            system_prompt="",
            prompt="\ufefflast\r\n",
            response="no",
            thinking="hm",
            prompt_tokens=7,
            completion_tokens=None,
            latency_ms=3,
        ),
    )
    assert logged_calls(path)[0].system_prompt == "s"


@pytest.mark.parametrize("reader", [agent_outcome, logged_calls])
def test_what_cannot_be_read_is_named(tmp_path: Path, reader: object) -> None:
    assert callable(reader)
    path = tmp_path / "raw.sqlite"
    with pytest.raises(StoreError, match="missing; the agent writes it"):
        reader(path)
    path.write_text("no database " * 500)
    with pytest.raises(StoreError, match="expected a SQLite database"):
        reader(path)
    path.unlink()
    empty_database(path)
    with opened(path) as connection:
        connection.execute("ALTER TABLE task_runs ADD COLUMN mood TEXT")
    with pytest.raises(StoreError, match=r"column task_runs\.mood is unknown"):
        reader(path)
