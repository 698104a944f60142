"""Triples of attempts: the calls of an agent as logged, or one rendered prompt and answer.

Pure. Two attempts that say the same thing with the same outcome are one triple, where the same
answer would have been right: what is right may hang on how much a configuration shows.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Sequence

from cra_pipeline.contracts.calls import CallRecord
from cra_pipeline.contracts.tasks import AttemptRow
from cra_pipeline.contracts.triples import TripleRow, prompt_hash
from cra_pipeline.errors import StoreError
from cra_pipeline.harness.alignment import Alignment
from cra_pipeline.harness.records import Trace
from cra_pipeline.harness.rendering import SYSTEM

RULES = "2"
"""Part of every triple's id: raise it when a rule changes what a triple says."""


def call_kind(kind: str) -> str:
    """The agent's own name for the call that an attempt on this kind of task stands for."""
    return "test_implement" if kind == "tests-only" else "implement"


def rendered_triple(  # noqa: PLR0913  # one keyword per text of the row
    attempt: AttemptRow, *, sha: str, kind: str, prompt: str, output: str, right_answer: str
) -> TripleRow:
    """One attempt as a triple.

    Args:
        attempt: Judged or not; the outcome is kept as it is.
        sha: Commit of the task.
        kind: Kind of the task.
        prompt: User text, equal for all attempts on the task.
        output: What the attempt answered.
        right_answer: What the commit would have answered.
    """
    return TripleRow(
        triple_id=_triple_id(attempt, SYSTEM, prompt, output, right_answer),
        attempt_id=attempt.attempt_id,
        task_id=attempt.task_id,
        repo=attempt.repo,
        round=attempt.round,
        sha=sha,
        call_kind=call_kind(kind),
        prompt_source="rendered",
        prompt_hash=prompt_hash(SYSTEM, prompt),
        system=SYSTEM,
        prompt=prompt,
        output=output,
        right_answer=right_answer,
        outcome=attempt.outcome,
        reason=attempt.reason,
    )


def logged_triples(
    trace: Trace, calls: Sequence[CallRecord], *, sha: str, alignment: Alignment | None
) -> list[TripleRow]:
    """The answered calls of one attempt, in order; those without an answer are left out.

    Args:
        trace: Of the attempt.
        calls: Its request log.
        sha: Commit of the task.
        alignment: Of what was planned; None where nothing was.

    Raises:
        StoreError: Log, trace and row tell of different runs.
    """
    right = trace.right_answers or ("",) * len(calls)
    if not len(right) == len(calls) == trace.attempt.calls:
        name = trace.attempt.attempt_id[:12]
        raise StoreError(
            f"attempt {name}: made {trace.attempt.calls} calls, its log holds {len(calls)} and its "
            f"trace {len(right)} right answers: delete its line in the journal and run it again"
        )
    return [
        _logged(trace.attempt, call, answer, sha, alignment)
        for call, answer in zip(calls, right, strict=True)
        if call.finish != "error"
    ]


def _logged(
    attempt: AttemptRow, call: CallRecord, right: str, sha: str, alignment: Alignment | None
) -> TripleRow:
    return TripleRow(
        triple_id=_triple_id(attempt, call.system, call.prompt, call.response, right),
        attempt_id=attempt.attempt_id,
        task_id=attempt.task_id,
        repo=attempt.repo,
        round=attempt.round,
        sha=sha,
        call_kind=call.call_kind,
        prompt_source="logged",
        prompt_hash=prompt_hash(call.system, call.prompt),
        system=call.system,
        prompt=call.prompt,
        output=call.response,
        call_number=call.number,
        responder=call.responder,
        file_precision=None if alignment is None else alignment.file_precision,
        file_recall=None if alignment is None else alignment.file_recall,
        file_overlap=None if alignment is None else alignment.file_overlap,
        symbol_overlap=None if alignment is None else alignment.symbol_overlap,
        dependency_order=None if alignment is None else alignment.dependency_order,
        right_answer=right,
        outcome=attempt.outcome,
        reason=attempt.reason,
    )


def _triple_id(attempt: AttemptRow, *texts: str) -> str:
    # Forks share commits and texts: only the task tells them apart.
    content = [RULES, attempt.task_id, *texts, attempt.outcome.value]
    return hashlib.sha256(json.dumps(content).encode()).hexdigest()


def distinct(triples: Iterable[TripleRow]) -> tuple[TripleRow, ...]:
    """One triple per content id, the first by attempt id; sorted by task, then by content id."""
    kept: dict[str, TripleRow] = {}
    for triple in sorted(triples, key=lambda row: row.attempt_id):
        kept.setdefault(triple.triple_id, triple)
    return tuple(sorted(kept.values(), key=lambda row: (row.task_id, row.triple_id)))
