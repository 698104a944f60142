"""Whether rows are what their evidence says: git, round records and the logs of calls. Pure.

Nothing that a row says of itself is believed; it only names where the evidence lies.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass

from cra_pipeline.contracts.calls import CallRecord
from cra_pipeline.contracts.datasets import CandidateRow, example_id
from cra_pipeline.contracts.record import Record
from cra_pipeline.contracts.tasks import AttemptRow, Outcome
from cra_pipeline.contracts.triples import PreferencePair, TripleRow
from cra_pipeline.datasets.increment import (
    CommitFacts,
    Evidence,
    completion,
    knows_text,
    of_pair,
    of_triple,
    unfit_pair,
)
from cra_pipeline.datasets.line import Line
from cra_pipeline.kinds import CALL_KINDS, adapter_kind_of

MOST = 20
"""Findings that are told; the rest is counted."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RoundEvidence:
    """What lies on disk of one repository and round.

    Attributes:
        triples: By id.
        pairs: By id.
        said: Triples by attempt, hash of the prompt and answer.
        attempts: By id.
        calls: Logged calls of an attempt, by number; empty where there is no log.
        right_answers: To the calls of an attempt, as its trace keeps them.
        commits: Facts by commit id, read from git.
        mined: Of a commit id, why it may not train, and the rows that it gives though nobody
            attempted it; both are read from git again.
        unfit: Why a triple is no candidate, by its id, asked again of all triples together; empty
            where it is one.
    """

    triples: Mapping[str, TripleRow]
    pairs: Mapping[str, PreferencePair]
    said: Mapping[tuple[str, str, str], TripleRow]
    attempts: Mapping[str, AttemptRow]
    calls: Callable[[str], Mapping[int, CallRecord]]
    right_answers: Callable[[str], tuple[str, ...]]
    commits: Mapping[str, CommitFacts]
    mined: Callable[[str], tuple[str, tuple[CandidateRow, ...]]]
    unfit: Callable[[str], str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Witness:
    """Everything that rows are held against.

    Attributes:
        line: Of the round whose rows are judged.
        published: Digests of the cold-start rows by id, as the first round takes them in.
        first_round: The one that took them in.
        of: Evidence of a repository and a round; None where there is none.
    """

    line: Line
    published: Mapping[str, str]
    first_round: str
    of: Callable[[str, str], RoundEvidence | None]


def faults(rows: Iterable[CandidateRow], witness: Witness) -> list[str]:
    """What does not hold, one sentence each, at most ``MOST`` and a count of the others."""
    found = [f"{row.example_id[:12]}: {fault}" for row in rows for fault in _faults(row, witness)]
    more = len(found) - MOST
    return [*found[:MOST], f"and {more} more findings"] if more > 0 else found


def _faults(row: CandidateRow, witness: Witness) -> Iterator[str]:
    if example_id(row.adapter_kind, row.system, row.prompt, *row.answers) != row.example_id:
        yield "its messages have another id than the row says"
    if adapter_kind_of(row.call_kind) != row.adapter_kind:
        yield f"calls of {row.call_kind} do not train {row.adapter_kind}"
    if row.origin.source == "cold_start":
        yield from _published(row, witness)
    else:
        yield from _ours(row, witness)


def _published(row: CandidateRow, witness: Witness) -> Iterator[str]:
    if row.example_id not in witness.published:
        yield f"{row.origin.row} is no row of the cold start"
    elif row.digest() != witness.published[row.example_id]:
        yield f"says something else than the cold start's row {row.origin.row}"
    if row.origin.domain:
        yield f"wears the domain {row.origin.domain}, published rows have none"
    if row.round != witness.first_round:
        yield f"says {row.round}, published rows belong to {witness.first_round}"


def _ours(row: CandidateRow, witness: Witness) -> Iterator[str]:
    origin = row.origin
    evidence = witness.of(origin.repo, row.round)
    if evidence is None:
        yield f"{witness.line.fault(origin.repo, (origin.sha,), (), row.round)}: {origin.repo}"
        return
    if not origin.attempt_ids:
        yield from _mined_faults(row, evidence)
        return
    facts = evidence.commits.get(origin.sha)
    if facts is None:
        fault = witness.line.fault(origin.repo, (origin.sha,), (origin.patch_id,), row.round)
        yield f"{fault or 'no triple tells of it'}: {origin.repo} {origin.sha[:12]}"
        return
    if facts.fault:
        yield f"{facts.fault}: {origin.repo} {origin.sha[:12]}"
    said = (origin.domain, origin.licence, origin.patch_id, origin.committed_at)
    if said != (facts.domain, facts.licence, facts.patch_id, facts.committed_at):
        yield f"domain, licence, patch id or date of {origin.sha[:12]} are not the repository's"
    yield from _pair_faults(row, evidence) if row.form == "dpo" else _call_faults(row, evidence)


def _mined_faults(row: CandidateRow, evidence: RoundEvidence) -> Iterator[str]:
    fault, rows = evidence.mined(row.origin.sha)
    if fault:
        yield f"{fault}: {row.origin.repo} {row.origin.sha[:12]}"
    elif row not in rows:
        yield f"names no attempt, and is no row that commit {row.origin.sha[:12]} gives"


def _call_faults(row: CandidateRow, evidence: RoundEvidence) -> Iterator[str]:
    triple = evidence.triples.get(row.origin.row)
    if triple is None or row.origin.attempt_ids != (triple.attempt_id,):
        yield f"triple {row.origin.row[:12]} does not exist"
        return
    if (triple.sha, triple.call_kind, triple.task_id) != (
        row.origin.sha,
        row.call_kind,
        row.origin.task_id,
    ):
        yield "commit, call kind or task are not its triple's"
    if reason := evidence.unfit(triple.triple_id):
        yield f"its triple is no candidate: {reason}"
    yield from _logged(row, triple, evidence)
    if triple.call_number in evidence.calls(triple.attempt_id):
        yield from _other(row, of_triple(triple, _offer(evidence)), "its triple and log")
    right = evidence.right_answers(triple.attempt_id)
    number = triple.call_number
    if not (0 <= number < len(right) and right[number] == triple.right_answer):
        yield "the right answer is not the one that the attempt's trace keeps"
    if row.answers != (completion(triple)[0],):
        yield "the completion is neither the logged answer nor the right one"
    relabelled = CALL_KINDS[triple.call_kind].form == "binary" or knows_text(triple)
    attempt = evidence.attempts.get(triple.attempt_id)
    if not relabelled and (attempt is None or attempt.outcome is not Outcome.PASSED):
        yield "its attempt did not pass"
    if not relabelled and attempt is not None and attempt.usable is False:
        yield "its attempt is not usable"


def _logged(row: CandidateRow, triple: TripleRow, evidence: RoundEvidence) -> Iterator[str]:
    """Whether prompt and output are, byte for byte, what the gateway logged."""
    call = evidence.calls(triple.attempt_id).get(triple.call_number)
    if call is None:
        yield f"call {triple.call_number} of attempt {triple.attempt_id[:12]} was not logged"
        return
    for name, found, logged in (
        ("system text", row.system, call.system),
        ("prompt", row.prompt, call.prompt),
        ("answer in the triple", triple.output, call.response),
    ):
        if found != logged:
            yield f"its {name} is not what was logged ({_first_difference(found, logged)})"


def _pair_faults(row: CandidateRow, evidence: RoundEvidence) -> Iterator[str]:
    pair = evidence.pairs.get(row.origin.row)
    if pair is None or row.origin.attempt_ids != (pair.chosen_attempt, pair.rejected_attempt):
        yield f"pair {row.origin.row[:12]} does not exist"
        return
    if (pair.sha, pair.call_kind, pair.reason) != (row.origin.sha, row.call_kind, row.label):
        yield "commit, call kind or reason are not its pair's"
    yield from _rebuilt_pair(row, pair, evidence)
    yield from _outcomes(pair, evidence)
    for side, attempt, answer in zip(
        ("chosen", "rejected"), row.origin.attempt_ids, row.answers, strict=True
    ):
        calls = evidence.calls(attempt).values()
        same = [call for call in calls if (call.system, call.prompt) == (row.system, row.prompt)]
        if not same:
            yield f"its prompt was not logged by the {side} attempt {attempt[:12]}"
        elif answer not in {call.response for call in same}:
            yield f"its {side} answer is not what attempt {attempt[:12]} logged"


def _rebuilt_pair(
    row: CandidateRow, pair: PreferencePair, evidence: RoundEvidence
) -> Iterator[str]:
    chosen = evidence.said.get((pair.chosen_attempt, pair.prompt_hash, pair.chosen))
    reason = unfit_pair(pair, chosen, _offer(evidence))
    if reason or chosen is None:
        yield f"its pair is no candidate: {reason}"
    elif chosen.call_number in evidence.calls(chosen.attempt_id):
        yield from _other(row, of_pair(pair, chosen, _offer(evidence)), "its pair and log")


def _outcomes(pair: PreferencePair, evidence: RoundEvidence) -> Iterator[str]:
    """Whether hidden tests judged as the pair says: pairs of yes/no train no adapter."""
    for side, name, wanted in (
        ("chosen", pair.chosen_attempt, Outcome.PASSED),
        ("rejected", pair.rejected_attempt, Outcome.FAILED),
    ):
        attempt = evidence.attempts.get(name)
        if attempt is None or attempt.outcome is not wanted:
            found = "unknown" if attempt is None else attempt.outcome.value
            yield f"its {side} attempt {name[:12]} is {found}, expected {wanted.value}"


def _offer(evidence: RoundEvidence) -> Evidence:
    """The same evidence, as the increment takes it to make a row."""
    return Evidence(
        triples=(),
        pairs=(),
        attempts=evidence.attempts,
        commits=evidence.commits,
        call=lambda triple: evidence.calls(triple.attempt_id)[triple.call_number],
    )


def _other(row: CandidateRow, again: CandidateRow, of: str) -> Iterator[str]:
    """Fields that are not what the evidence gives once more; JSONL does not keep reasoning."""
    if not row.thinking:
        again = again.model_copy(update={"thinking": ""})
    fields = sorted(name for name in type(row).model_fields if _differ(row, again, name))
    if "origin" in fields:
        names = type(row.origin).model_fields
        told = [f"origin.{name}" for name in names if _differ(row.origin, again.origin, name)]
        fields = [name for name in fields if name != "origin"] + told
    if fields:
        yield f"{', '.join(fields)} are not what {of} give"


def _differ(one: Record, other: Record, name: str) -> bool:
    return bool(getattr(one, name) != getattr(other, name))


def _first_difference(found: str, logged: str) -> str:
    pairs = enumerate(zip(found, logged, strict=False))
    place = next((at for at, (a, b) in pairs if a != b), min(len(found), len(logged)))
    return f"first difference at character {place}"
