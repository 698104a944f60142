"""What must hold of preference pairs before anything is trained on them. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence

from cra_pipeline.contracts.tasks import AttemptRow, Outcome
from cra_pipeline.contracts.triples import PreferencePair, TripleRow, prompt_hash
from cra_pipeline.kinds import CALL_KINDS, read_verdict
from cra_pipeline.pairs.meaning import conflicting, contradicted, said, same_answer, sound
from cra_pipeline.pairs.pairing import by_prompt


def findings(
    pairs: Sequence[PreferencePair],
    triples: Iterable[TripleRow],
    attempts: Iterable[AttemptRow],
    *,
    rows: int,
) -> tuple[str, ...]:
    """What does not hold, one sentence each.

    Args:
        pairs: As read back from the table.
        triples: Of the same repository and round.
        attempts: Of the same repository and round.
        rows: Row count of the manifest.
    """
    known = {attempt.attempt_id: attempt for attempt in attempts}
    triples = list(triples)
    said = {(row.attempt_id, row.output, row.prompt_hash) for row in triples}
    asked = by_prompt(triples)
    found = list(_repeated(pairs))
    if len(pairs) != rows:
        found.append(f"the manifest counts {rows} rows, the table holds {len(pairs)}")
    for pair in pairs:
        found.extend(f"{pair.pair_id[:12]}: {fault}" for fault in _faults(pair, known, said))
        answers = asked.get((pair.task_id, pair.call_kind, pair.prompt_hash), [])
        found.extend(f"{pair.pair_id[:12]}: {fault}" for fault in _unfair(pair, answers))
    return tuple(found)


def _repeated(pairs: Iterable[PreferencePair]) -> Iterator[str]:
    for pair_id, count in sorted(Counter(pair.pair_id for pair in pairs).items()):
        if count > 1:
            yield f"{pair_id[:12]}: occurs {count} times"


def _faults(
    pair: PreferencePair, known: Mapping[str, AttemptRow], said: set[tuple[str, str, str]]
) -> Iterator[str]:
    if prompt_hash(pair.system, pair.prompt) != pair.prompt_hash:
        yield "its prompt has another hash than the row says"
    if same_answer(pair.call_kind, pair.chosen, pair.rejected):
        yield "chosen and rejected are the same text, or the same yes or no"
    if not pair.reason:
        yield "no reason why the rejected one lost"
    sides = (
        ("chosen", pair.chosen_attempt, pair.chosen, Outcome.PASSED),
        ("rejected", pair.rejected_attempt, pair.rejected, Outcome.FAILED),
    )
    for side, attempt_id, output, outcome in sides:
        attempt = known.get(attempt_id)
        if attempt is None:
            yield f"{side} attempt {attempt_id[:12]} does not exist"
            continue
        if attempt.outcome is not outcome and not (side == "rejected" and _contradicted(pair)):
            yield f"{side} attempt ended {attempt.outcome}, expected {outcome}"
        if attempt.task_id != pair.task_id:
            yield f"{side} attempt is one on {attempt.task_id}, not on {pair.task_id}"
        if (attempt_id, output, pair.prompt_hash) not in said:
            yield f"{side} text is not what its attempt said to this prompt"


def _unfair(pair: PreferencePair, answers: Sequence[TripleRow]) -> Iterator[str]:
    """What the other answers to its prompt say against a pair."""
    if conflicting(answers):
        yield "its prompt has more than one right answer"
    chosen = [row for row in answers if row.output == pair.chosen]
    if any(contradicted(row, answers) for row in chosen):
        yield "the diff says that its chosen answer is wrong"
    rejected = {said(row) for row in answers if row.output == pair.rejected}
    if rejected & sound(answers):
        yield "its rejected answer is the right one, or one that passed"


def _contradicted(pair: PreferencePair) -> bool:
    """Whether both answers are a yes/no, and they differ as the agent reads them."""
    kind = CALL_KINDS.get(pair.call_kind)
    if kind is None or kind.form != "binary":
        return False
    return read_verdict(pair.chosen) is not None and (
        read_verdict(pair.chosen) != read_verdict(pair.rejected)
    )
