"""Triples of attempts that called no model: rendered prompt, rendered answer, verdict.

Pure. Two attempts that say the same thing with the same outcome are one triple.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable

from cra_pipeline.contracts.tasks import AttemptRow
from cra_pipeline.contracts.triples import TripleRow, prompt_hash
from cra_pipeline.harness.rendering import SYSTEM


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
    # Forks share commits and texts: only the task tells them apart.
    content = [attempt.task_id, SYSTEM, prompt, output, attempt.outcome.value]
    return TripleRow(
        triple_id=hashlib.sha256(json.dumps(content).encode()).hexdigest(),
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


def distinct(triples: Iterable[TripleRow]) -> tuple[TripleRow, ...]:
    """One triple per content id, the first by attempt id; sorted by task, then by content id."""
    kept: dict[str, TripleRow] = {}
    for triple in sorted(triples, key=lambda row: row.attempt_id):
        kept.setdefault(triple.triple_id, triple)
    return tuple(sorted(kept.values(), key=lambda row: (row.task_id, row.triple_id)))
