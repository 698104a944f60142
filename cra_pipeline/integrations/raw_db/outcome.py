"""What the agent itself says of one attempt, and the model calls that it logged."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, get_args

from cra_pipeline.errors import StoreError
from cra_pipeline.integrations.raw_db.opening import read_only

RunStatus = Literal["complete", "partial", "failed", "crashed", "absent"]

_TOOK = re.compile(r" in \d+(?:\.\d+)?s\b.*")
"""How long tests took differs from run to run."""
_RUNNING = "running"
# Sub-tasks carry the run's task id at the head of their own.
_RUN = """
SELECT task_id, status, parts_completed, total_parts, coalesce(error_message, ''),
    (SELECT count(*) FROM orchestrator_runs),
    (SELECT min(validation_results.success) FROM validation_results
        JOIN run_attempts ON run_attempts.id = validation_results.attempt_id
        JOIN task_runs ON task_runs.id = run_attempts.task_run_id
        WHERE substr(task_runs.task_id, 1, length(run.task_id)) = run.task_id)
FROM orchestrator_runs AS run ORDER BY id DESC LIMIT 1
"""
_FAILED = """
SELECT coalesce(test_output, '') FROM validation_results WHERE success = 0 ORDER BY id DESC LIMIT 1
"""
_CALLS = """
SELECT id, task_id, call_type, coalesce(stage_name, ''), coalesce(sub_stage, ''), model,
    coalesce(system_prompt, ''), prompt, response, coalesce(thinking, ''), prompt_tokens,
    completion_tokens, latency_ms
FROM retrieval_llm_calls ORDER BY id
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class AgentStatus:
    """The agent's side of an attempt; the hidden tests are the other side.

    Attributes:
        task_id: Of the latest run; empty where there is none.
        status: ``crashed`` where the run never came to an end, ``absent`` where none began.
        parts_completed: Parts that ended well.
        total_parts: Parts that were planned; None where the first plan failed.
        validated: Whether every validation passed; None where there was none.
        error: The agent's own words; empty for most failures.
        failing: Last line of the last validation that failed; empty where none did.
        runs: Runs in the database; more than one means that the attempt was taken up again.
    """

    task_id: str
    status: RunStatus
    parts_completed: int
    total_parts: int | None
    validated: bool | None
    error: str
    runs: int
    failing: str = ""

    @property
    def succeeded(self) -> bool:
        """The full rule: complete, every part of it, and validated.

        A run can be complete although a part was skipped, and validated although all was undone.
        """
        whole = self.total_parts is not None and self.parts_completed == self.total_parts
        return self.status == "complete" and whole and self.validated is True


@dataclass(frozen=True, slots=True, kw_only=True)
class LoggedCall:
    """One model call as the agent logged it; texts are empty where it has NULL.

    Calls of a pass that raised are lost, and the agent orders by the time of logging: the log of
    the gateway is the complete one.
    """

    id: int
    task_id: str
    call_type: str
    stage_name: str
    sub_stage: str
    model: str
    system_prompt: str
    prompt: str
    response: str
    thinking: str
    prompt_tokens: int | None
    completion_tokens: int | None
    latency_ms: int


def agent_outcome(raw_db: Path) -> AgentStatus:
    """How the latest run of an attempt ended; to be asked once its process has ended.

    Raises:
        StoreError: Missing, damaged, of another schema, or with a status that no contract names.
    """
    with read_only(raw_db) as connection:
        row = connection.execute(_RUN).fetchone()
        failed = connection.execute(_FAILED).fetchone()
    if row is None:
        return AgentStatus(
            task_id="",
            status="absent",
            parts_completed=0,
            total_parts=None,
            validated=None,
            error="",
            runs=0,
        )
    task_id, status, completed, total, error, runs, validated = row
    return AgentStatus(
        task_id=task_id,
        status=_status(status, raw_db),
        parts_completed=completed,
        total_parts=total,
        validated=None if validated is None else bool(validated),
        error=error,
        runs=runs,
        failing="" if failed is None else _last_line(failed[0]),
    )


def _last_line(text: str) -> str:
    lines = [line.strip("= ") for line in text.splitlines() if line.strip("= ")]
    told = [line for line in lines if line.startswith(("FAILED ", "ERROR "))]
    return _TOOK.sub("", (told or lines or [""])[-1])


def _status(found: str, where: Path) -> RunStatus:
    if found == _RUNNING:
        return "crashed"
    for known in get_args(RunStatus)[:3]:
        if found == known:
            return known  # type: ignore[no-any-return]  # one of the literals
    raise StoreError(
        f"{where}: orchestrator_runs.status is {found!r}, expected complete, partial, failed or "
        "running: the agent is of another version; run doctor"
    )


def logged_calls(raw_db: Path) -> tuple[LoggedCall, ...]:
    """All logged calls in the order of their ids.

    Raises:
        StoreError: Missing, damaged or of another schema.
    """
    names = LoggedCall.__dataclass_fields__
    with read_only(raw_db) as connection:
        rows = connection.execute(_CALLS).fetchall()
    return tuple(LoggedCall(**dict(zip(names, row, strict=True))) for row in rows)
