"""Which tasks a round attempts, and how an attempt becomes a row. Pure."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence

from cra_pipeline.contracts.agents import AgentRun, AttemptPlan
from cra_pipeline.contracts.calls import CallRecord
from cra_pipeline.contracts.rounds import RoundRecord, round_of_commit
from cra_pipeline.contracts.tasks import AttemptRow, Outcome, Proposal, TaskRow, TestTally
from cra_pipeline.contracts.testrun import TestRunReport
from cra_pipeline.diffs import Blob, TreeChange
from cra_pipeline.errors import RoundError
from cra_pipeline.harness.problem import blob_like

GOLD = "gold"
"""The responder that answers from the commit."""

HELD_OUT = "held_out_repo"
AFTER_CUT_OFF = "after_cut_off"
_SHOWN = 20
WEAK = "mutant: passed (weak tests)"
OTHER_ROUND = "of_another_round"


def left_out(
    task: TaskRow,
    record: RoundRecord,
    rounds: Iterable[RoundRecord],
    reached: Mapping[str, Collection[str]],
) -> str:
    """Why a round does not attempt an admitted task; empty where it does.

    Args:
        task: Of a repository that the round lists.
        record: The round.
        rounds: All opened rounds.
        reached: Ids of the commits that each round's pin reaches, by round.
    """
    if task.repo in record.held_out:
        return HELD_OUT
    reached_by = [name for name, commits in reached.items() if task.sha in commits]
    belongs = round_of_commit(task.committed_at, reached_by, rounds)
    if belongs is None:
        return AFTER_CUT_OFF
    return "" if belongs == record.round else OTHER_ROUND


def listed_round(rounds: Sequence[RoundRecord], round_name: str, repo: str) -> RoundRecord:
    """The record of an opened round that lists a repository.

    Raises:
        RoundError: There is none.
    """
    record = next((item for item in rounds if item.round == round_name), None)
    if record is None:
        opened = ", ".join(item.round for item in rounds) or "none"
        raise RoundError(f"round {round_name} is not opened (opened: {opened}): open it first")
    if record.pin(repo) is None:
        raise RoundError(f"round {round_name} does not list {repo}: it joins with the next round")
    return record


def newest_tasks(tasks: Iterable[TaskRow], limit: int) -> tuple[TaskRow, ...]:
    """Admitted tasks by date, newest first; at most ``limit``, or all for 0."""
    admitted = [task for task in tasks if task.admitted]
    ordered = sorted(admitted, key=lambda task: (-task.committed_at, task.sha))
    return tuple(ordered[: limit or None])


def proposed_change(proposal: Proposal, base: Mapping[str, Blob]) -> TreeChange:
    """A proposal as a change of the base; what equals the base is no change.

    Args:
        proposal: Whole texts.
        base: Content of every touched path that exists at the base.
    """
    after = {file.path: blob_like(file.text, base.get(file.path)) for file in proposal.files}
    changed = {path: blob for path, blob in after.items() if base.get(path) != blob}
    touched = {*changed, *proposal.deleted}
    return TreeChange({path: blob for path, blob in base.items() if path in touched}, changed)


def attempt_row(  # noqa: PLR0913  # what a row is made of
    task: TaskRow,
    round_name: str,
    plan: AttemptPlan,
    run: AgentRun,
    tally: TestTally,
    *,
    attempt_id: str,
    patch: str,
    imports: bool,
) -> AttemptRow:
    """The row of one judged attempt."""
    return AttemptRow(
        attempt_id=attempt_id,
        task_id=task.task_id,
        repo=task.repo,
        round=round_name,
        agent=plan.agent,
        configuration=plan.configuration,
        temperature=plan.temperature,
        seed=plan.seed,
        patch=patch,
        outcome=tally.outcome,
        reason=tally.reason,
        detail=tally.detail,
        failed_tests=tally.failed,
        task_form=plan.task_form,
        responder=plan.responder,
        campaign=plan.campaign,
        agent_status=run.status,
        reproduced=run.reproduced,
        usable=run.usable,
        shortfall=run.shortfall,
        calls=len(run.calls),
        by_model=models_kinds(run.calls),
        prompt_tokens=sum(call.prompt_tokens or 0 for call in run.calls),
        completion_tokens=sum(call.completion_tokens or 0 for call in run.calls),
        imports=imports,
    )


def models_kinds(calls: Iterable[CallRecord]) -> tuple[str, ...]:
    """Kinds of which a model answered a call, sorted; who was asked in vain answered nothing."""
    answered = (call for call in calls if call.finish != "error")
    return tuple(sorted({call.call_kind for call in answered if call.responder != GOLD}))


def withheld(tally: TestTally, run: AgentRun) -> TestTally:
    """A pass counts only where the agent itself came through: whole, and validated by its tests."""
    if tally.outcome is not Outcome.PASSED or not run.withheld:
        return tally
    detail = "the hidden tests pass, but the agent's own run does not say so"
    return TestTally(outcome=Outcome.FAILED, reason=run.withheld, detail=detail, failed=())


def still_imports(task: TaskRow, report: TestRunReport) -> bool:
    """Whether the changed modules could be imported, seen from the expected tests.

    All of their files were collected with the gold change; one that no longer is, or a session
    that ended before a single result, lost an import.
    """
    files = {test_id.partition("::")[0] for test_id in (*task.fail_to_pass, *task.pass_to_pass)}
    lost = [error for error in report.collect_errors if error.test_id in {*files, ""}]
    return bool(report.outcomes) and not lost


def judged_nothing(outcome: Outcome, reason: str, detail: str) -> TestTally:
    """The verdict on an attempt that never reached a test."""
    return TestTally(outcome=outcome, reason=reason, detail=detail, failed=())


def label(row: AttemptRow) -> str:
    """What an attempt is counted as; near misses that pass are named for what they prove."""
    if row.agent == "mutant" and row.outcome is Outcome.PASSED:
        return WEAK
    if row.outcome is Outcome.FAILED and not row.imports:
        return f"{row.agent}: failed (does not import)"
    return f"{row.agent}: {row.outcome.value}"


def outside_run() -> tuple[AttemptPlan, AgentRun]:
    """Names the maker of a patch that came from outside."""
    plan = AttemptPlan(agent="outside", configuration="patch")
    proposal = Proposal(
        agent=plan.agent,
        configuration=plan.configuration,
        temperature=0.0,
        seed=0,
        files=(),
        deleted=(),
        problem="",
    )
    return plan, AgentRun(proposal=proposal)


def preview_of_attempts(rows: Iterable[AttemptRow]) -> tuple[dict[str, str], ...]:
    """The first rows in words, near misses that the hidden tests let pass before all others."""
    shown = sorted(rows, key=lambda row: label(row) != WEAK)[:_SHOWN]
    return tuple(
        {
            "task": row.task_id,
            "attempt": f"{row.agent} {row.configuration}",
            "counted as": label(row),
            "reason": row.reason,
        }
        for row in shown
    )


def preview_of_tasks(rows: Sequence[TaskRow]) -> tuple[dict[str, str], ...]:
    """The first rows in words."""
    return tuple(
        {
            "task": row.task_id,
            "verdict": row.reason or "admitted",
            "evidence": row.evidence[:80],
            "fail to pass": str(len(row.fail_to_pass)),
            "pass to pass": str(len(row.pass_to_pass)),
            "controls": str(len(row.controls)),
        }
        for row in rows[:_SHOWN]
    )
