"""The blocking check of ``holdout_attempts``: what a gate may take for evidence."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence

from cra_pipeline.contracts.gates import HoldoutAnswer, HoldoutAttempt
from cra_pipeline.contracts.manifests import AssetManifest, CheckReport
from cra_pipeline.contracts.tasks import Outcome, TaskRow
from cra_pipeline.contracts.triples import prompt_hash
from cra_pipeline.contracts.workspace import Layout
from cra_pipeline.errors import PipelineError, StoreError
from cra_pipeline.harness.arms import Cast
from cra_pipeline.harness.holdout import far_side, unequal_arms
from cra_pipeline.harness.stage.casts import cast_again, round_record
from cra_pipeline.harness.stage.holdout_attempts import ASSET, answers_path, content_id
from cra_pipeline.harness.stage.holdout_cells import cell_calls, read_trace
from cra_pipeline.harness.stage.workshops import TASKS
from cra_pipeline.integrations.evidence import write_check
from cra_pipeline.integrations.files import read_record, read_table
from cra_pipeline.integrations.git.dates import dated_commits

_MOST = 20
"""Findings of one rule that are listed."""


def check_holdout_attempts(layout: Layout, partition: str) -> CheckReport:
    """Hold the rows against logs, traces, round record and git; store the result.

    Raises:
        StoreError: A table is missing or damaged.
    """
    manifest = read_record(layout.manifest(ASSET, partition), AssetManifest)
    attempts = read_table(layout.table(ASSET, partition), HoldoutAttempt)
    answers = read_table(answers_path(layout, partition), HoldoutAnswer)
    found = []
    if content_id(attempts, answers) != manifest.content_id:
        found.append("the tables are not those that the manifest describes")
    found += _cast_findings(layout, manifest, attempts)
    for rule in (
        _arm_findings(attempts),
        _outcome_findings(attempts),
        _answer_findings(layout, attempts, answers),
        _side_findings(layout, partition, attempts),
    ):
        found += list(rule)[:_MOST]
    return write_check(layout, manifest, found)


def _cast_findings(
    layout: Layout, manifest: AssetManifest, attempts: Sequence[HoldoutAttempt]
) -> list[str]:
    """Whether the arms are those that adapters, ledger and round record give now."""
    try:
        cast = cast_again(layout, manifest)
    except PipelineError as error:
        return [f"who stood in the arms cannot be told any more: {error}"]
    wanted = {arm.arm: arm.model for arm in cast.arms} if attempts else {}
    models = defaultdict(set)
    for row in attempts:
        models[row.arm].add(row.model)
    return [
        f"{arm}: answered by {sorted(models[arm])}, expected {wanted.get(arm, 'no such arm')}"
        for arm in sorted({*wanted, *models})
        if models[arm] != {wanted.get(arm)}
    ] + _foreign(cast, attempts)


def _foreign(cast: Cast, attempts: Sequence[HoldoutAttempt]) -> list[str]:
    odd = {(row.adapter_kind, row.round) for row in attempts} - {(cast.name, cast.round)}
    return [f"rows of {kind} in {name} stand here" for kind, name in sorted(odd)]


def _arm_findings(attempts: Sequence[HoldoutAttempt]) -> Iterator[str]:
    """Every arm was asked the same, each once, and served alike."""
    cells: dict[str, list[tuple[str, int]]] = defaultdict(list)
    for row in attempts:
        cells[row.arm].append((row.task_id, row.seed))
    for arm, asked in cells.items():
        if len(set(asked)) < len(asked):
            yield f"{arm}: an attempt is counted twice"
    yield from unequal_arms(cells)
    forms = sorted({row.served_as for row in attempts})
    if len(forms) > 1:
        yield f"arms are served as {', '.join(forms)}: expected one form"


def _outcome_findings(attempts: Sequence[HoldoutAttempt]) -> Iterator[str]:
    judged = {Outcome.PASSED.value, Outcome.FAILED.value}
    for row in attempts:
        if row.outcome not in set(Outcome):
            yield f"{row.attempt_id[:12]}: outcome {row.outcome!r} is none"
        elif (row.outcome in judged) == bool(row.detail):
            yield f"{row.attempt_id[:12]}: {row.outcome} with the detail {row.detail!r}"


def _answer_findings(
    layout: Layout, attempts: Sequence[HoldoutAttempt], answers: Sequence[HoldoutAnswer]
) -> Iterator[str]:
    """Every answer stands in its attempt's log, and beside the right one of its trace."""
    rows: dict[tuple[str, str], list[HoldoutAnswer]] = defaultdict(list)
    for answer in answers:
        rows[answer.arm, answer.attempt_id].append(answer)
    known = {(row.arm, row.attempt_id) for row in attempts}
    for arm, attempt_id in sorted(set(rows) - known):
        yield f"{attempt_id[:12]}: answers in arm {arm}, where there is no such attempt"
    for attempt in attempts:
        yield from _unlogged(layout, attempt, rows[attempt.arm, attempt.attempt_id])


def _unlogged(
    layout: Layout, attempt: HoldoutAttempt, answers: Sequence[HoldoutAnswer]
) -> Iterator[str]:
    if not attempt.calls:
        if answers:
            yield f"{attempt.attempt_id[:12]}: {len(answers)} answers, but no calls"
        return
    try:
        trace = read_trace(layout, attempt.repo, attempt.attempt_id)
        calls = cell_calls(layout, attempt.repo, trace)
    except StoreError as error:
        yield f"{attempt.attempt_id[:12]}: {error}"
        return
    if trace.attempt.outcome.value != attempt.outcome:
        judged = trace.attempt.outcome.value
        yield f"{attempt.attempt_id[:12]}: {attempt.outcome}, its trace says {judged}"
    logged = {
        call.number: (call.call_kind, prompt_hash(call.system, call.prompt), call.response, right)
        for call, right in zip(calls, trace.right_answers, strict=False)
    }
    for answer in answers:
        said = (answer.call_kind, answer.prompt_sha256, answer.response, answer.right)
        if logged.get(answer.call_number) != said:
            yield f"{attempt.attempt_id[:12]}: call {answer.call_number} is not so in its log"


def _side_findings(
    layout: Layout, partition: str, attempts: Sequence[HoldoutAttempt]
) -> Iterator[str]:
    """Every task is an admitted one beyond the round's line, for the reason that its rows give."""
    record = round_record(layout, partition.rpartition("|")[2])
    for repo in sorted({row.repo for row in attempts}):
        pin = record.pin(repo)
        if pin is None:
            yield f"{repo}: the round does not list it"
            continue
        history = dated_commits(layout.snapshot(repo), pin)
        tasks = {row.task_id: row for row in read_table(layout.table(TASKS, repo), TaskRow)}
        told = {(row.task_id, row.reason) for row in attempts if row.repo == repo}
        for name, reason in sorted(told):
            task = tasks.get(name)
            side = far_side(task, record, history) if task and task.admitted else None
            if side != reason:
                yield f"{name}: said to be {reason}, by round record and git {side or 'neither'}"
