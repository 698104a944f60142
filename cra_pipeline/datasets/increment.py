"""Which logged calls and preference pairs become candidates of a round, and why others do not.

Pure. A yes/no, or a text that the diff knows, is an example whatever became of the attempt: its
right answer does not hang on it. Plans and code are examples where hidden tests passed.

Plans stand here as ``sft`` rows of ``planning_dpo``, though that kind is trained from pairs alone:
no dataset of an adapter takes them in, the base fine-tune does (all three planning types, the
call kind says which). ``thinking`` is what the model that answered reasoned, ``origin.author``
names it; whether it is a teacher the reader of the rows decides, and where no model reasoned there
is nothing to imitate: reasoning is never made up afterwards.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from cra_pipeline.contracts.calls import CallRecord
from cra_pipeline.contracts.datasets import CandidateRow, Origin, Source, example_id
from cra_pipeline.contracts.tasks import AttemptRow, Outcome
from cra_pipeline.contracts.triples import PreferencePair, TripleRow
from cra_pipeline.kinds import (
    ADAPTER_KINDS,
    CALL_KINDS,
    PLANNING_STAGES,
    adapter_kind_of,
    read_verdict,
)
from cra_pipeline.verdicts.attribution import Attribution, AttributionPolicy
from cra_pipeline.verdicts.losing import GOLD, attributions, is_binary, why_not_chosen


@dataclass(frozen=True, slots=True, kw_only=True)
class IncrementPolicy:
    """Whose answers are examples.

    Attributes:
        never_chosen: Agents whose passing answers prove the tests weak, not the answer right.
        attribution: From which numbers on a plan fits the commit.
    """

    never_chosen: tuple[str, ...] = ("mutant",)
    attribution: AttributionPolicy = field(default_factory=AttributionPolicy)


@dataclass(frozen=True, slots=True, kw_only=True)
class CommitFacts:
    """What git and the corpus say of one commit.

    Attributes:
        domain: Of its repository.
        licence: Of its repository.
        patch_id: Of its change against its first parent.
        committed_at: Seconds since the epoch.
        fault: Why it lies beyond the round's line; empty where it does not.
    """

    domain: str
    licence: str
    patch_id: str
    committed_at: int
    fault: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """Everything that one repository and round has to offer.

    Attributes:
        triples: In any order.
        pairs: In any order.
        attempts: By id; every triple's and pair's is there.
        commits: Facts by commit id.
        call: The logged call of a triple.
    """

    triples: tuple[TripleRow, ...]
    pairs: tuple[PreferencePair, ...]
    attempts: Mapping[str, AttemptRow]
    commits: Mapping[str, CommitFacts]
    call: Callable[[TripleRow], CallRecord]


@dataclass(frozen=True, slots=True)
class Increment:
    """Candidates sorted by id, and why others were left out, counted as ``form kind: reason``."""

    rows: tuple[CandidateRow, ...]
    left_out: Counter[str]


def offered(evidence: Evidence, policy: IncrementPolicy) -> Increment:
    """All candidates of one repository and round; equal messages are one candidate."""
    left_out: Counter[str] = Counter()
    rows: list[CandidateRow] = []
    for triple, reason in judged(evidence, policy):
        if reason:
            left_out[f"sft {triple.call_kind}: {reason}"] += 1
        else:
            rows.append(of_triple(triple, evidence))
    said = answers_of(evidence.triples)
    for pair in sorted(evidence.pairs, key=lambda row: row.pair_id):
        chosen = said.get((pair.chosen_attempt, pair.prompt_hash, pair.chosen))
        reason = unfit_pair(pair, chosen, evidence)
        if reason or chosen is None:
            left_out[f"dpo {pair.call_kind}: {reason}"] += 1
        else:
            rows.append(of_pair(pair, chosen, evidence))
    return merged([Increment(tuple(rows), left_out)])


def judged(evidence: Evidence, policy: IncrementPolicy) -> Iterator[tuple[TripleRow, str]]:
    """Each triple, in the order of precedence, and why it is no candidate; empty where it is one.

    Of several that give equal messages the first is the candidate, the others are ``repeated``.
    """
    faults = attributions(evidence.triples, evidence.attempts, policy.attribution)
    conflicting = conflicting_prompts(evidence.triples)
    seen: set[tuple[str, str, str]] = set()
    for triple in sorted(evidence.triples, key=_precedence):
        reason = _unfit(triple, evidence, policy, faults)
        if not reason and (triple.call_kind, triple.prompt_hash) in conflicting:
            reason = "conflicting_labels"
        if not reason:
            said = (adapter_kind_of(triple.call_kind), triple.prompt_hash, completion(triple)[0])
            reason = "repeated" if said in seen else ""
            seen.add(said)
        yield triple, reason


def answers_of(triples: Iterable[TripleRow]) -> dict[tuple[str, str, str], TripleRow]:
    """Triples by attempt, hash of the prompt and answer, as pairs name their sides."""
    return {(row.attempt_id, row.prompt_hash, row.output): row for row in triples}


def conflicting_prompts(triples: Iterable[TripleRow]) -> frozenset[tuple[str, str]]:
    """Call kind and hash of the yes/no prompts to which both answers are right, on any task.

    What is right hangs on how much a configuration shows; the prompt does not tell.
    """
    right: dict[tuple[str, str], set[bool]] = defaultdict(set)
    for triple in triples:
        verdict = read_verdict(triple.right_answer) if is_binary(triple) else None
        if verdict is not None:
            right[triple.call_kind, triple.prompt_hash].add(verdict)
    return frozenset(prompt for prompt, verdicts in right.items() if len(verdicts) > 1)


def _precedence(triple: TripleRow) -> tuple[bool, str, int]:
    # Where commit and model gave the same answer, it is the commit's: nobody echoes himself.
    return triple.responder != GOLD, triple.attempt_id, triple.call_number


def merged(parts: Iterable[Increment]) -> Increment:
    """Several increments as one; the first of equal candidates stays, the others are counted."""
    kept: dict[str, CandidateRow] = {}
    left_out: Counter[str] = Counter()
    for part in parts:
        left_out.update(part.left_out)
        for row in part.rows:
            if row.example_id in kept:
                left_out[f"{row.form} {row.call_kind}: repeated"] += 1
            else:
                kept[row.example_id] = row
    return Increment(tuple(kept[name] for name in sorted(kept)), left_out)


def _unfit(
    triple: TripleRow,
    evidence: Evidence,
    policy: IncrementPolicy,
    faults: Mapping[str, Attribution],
) -> str:
    """Why a triple is no candidate, as a code; empty where it is one."""
    if triple.prompt_source == "rendered":
        # Every call kind of the agent has logged prompts, and they read otherwise.
        return "rendered_prompt"
    if triple.call_kind not in CALL_KINDS:
        return "unknown_call"
    if not adapter_kind_of(triple.call_kind):
        return "auxiliary_call"
    if fault := evidence.commits[triple.sha].fault:
        return fault
    return _unfit_answer(triple, evidence.attempts[triple.attempt_id], policy, faults)


def _unfit_answer(
    triple: TripleRow,
    attempt: AttemptRow,
    policy: IncrementPolicy,
    faults: Mapping[str, Attribution],
) -> str:
    if CALL_KINDS[triple.call_kind].form == "binary":
        return "" if read_verdict(triple.right_answer) is not None else "right_answer_unknown"
    return "" if knows_text(triple) else _not_passed(triple, attempt, policy, faults)


def knows_text(triple: TripleRow) -> bool:
    """Whether the diff knows the whole text of an answer that hangs on no earlier one."""
    return CALL_KINDS[triple.call_kind].form == "text" and bool(triple.right_answer.strip())


def _not_passed(
    triple: TripleRow,
    attempt: AttemptRow,
    policy: IncrementPolicy,
    faults: Mapping[str, Attribution],
) -> str:
    if triple.outcome is not Outcome.PASSED:
        return f"attempt_{triple.outcome.value}"
    if attempt.agent in policy.never_chosen:
        return "untrusted_agent"
    if not triple.output.strip():
        return "empty_answer"
    return why_not_chosen(triple, attempt, faults.get(triple.attempt_id))


def of_triple(triple: TripleRow, evidence: Evidence) -> CandidateRow:
    """The candidate that a triple gives; its log tells who wrote the answer."""
    answer, own = completion(triple)
    call = evidence.call(triple)
    relabelled = CALL_KINDS[triple.call_kind].form == "binary" or knows_text(triple)
    kind = adapter_kind_of(triple.call_kind)
    return CandidateRow(
        example_id=example_id(kind, triple.system, triple.prompt, answer),
        form="sft",
        adapter_kind=kind,
        call_kind=triple.call_kind,
        round=triple.round,
        label="diff" if relabelled else "passed",
        system=triple.system,
        prompt=triple.prompt,
        answers=(answer,),
        thinking=call.thinking if own and _plans(triple.call_kind) else "",
        origin=_origin(
            triple, evidence, (triple.attempt_id,), triple.triple_id, call.model if own else ""
        ),
    )


def completion(triple: TripleRow) -> tuple[str, bool]:
    """The text to imitate, and whether a model and not the diff wrote it.

    A model's own yes or no stays where it is the right bare word.
    """
    by_model = triple.responder != GOLD
    form = CALL_KINDS[triple.call_kind].form
    if form == "binary":
        right = "yes" if read_verdict(triple.right_answer) else "no"
        # Only the bare word: a JSON object says the same, but would teach a second form.
        own = by_model and triple.output == right
        return right, own
    if knows_text(triple):
        return triple.right_answer, by_model and triple.output == triple.right_answer
    return triple.output, by_model


def _plans(call_kind: str) -> bool:
    return CALL_KINDS[call_kind].stage in PLANNING_STAGES


def unfit_pair(pair: PreferencePair, chosen: TripleRow | None, evidence: Evidence) -> str:
    """Why a pair is no candidate, as a code; empty where it is one."""
    kind = adapter_kind_of(pair.call_kind)
    if not kind or "dpo" not in ADAPTER_KINDS[kind].technique:
        return "no_dpo_kind"
    if chosen is None:
        return "chosen_not_logged"
    if chosen.prompt_source == "rendered":
        return "rendered_prompt"
    return evidence.commits[pair.sha].fault


def of_pair(pair: PreferencePair, chosen: TripleRow, evidence: Evidence) -> CandidateRow:
    """The candidate that a pair gives, with the triple of its chosen side."""
    kind = adapter_kind_of(pair.call_kind)
    call = evidence.call(chosen)
    attempts = (pair.chosen_attempt, pair.rejected_attempt)
    author = "" if chosen.responder == GOLD else call.model
    return CandidateRow(
        example_id=example_id(kind, pair.system, pair.prompt, pair.chosen, pair.rejected),
        form="dpo",
        adapter_kind=kind,
        call_kind=pair.call_kind,
        round=pair.round,
        label=pair.reason,
        system=pair.system,
        prompt=pair.prompt,
        answers=(pair.chosen, pair.rejected),
        thinking="",
        origin=_origin(chosen, evidence, attempts, pair.pair_id, author),
    )


def _origin(
    triple: TripleRow, evidence: Evidence, attempts: tuple[str, ...], row: str, author: str
) -> Origin:
    facts = evidence.commits[triple.sha]
    # A pair needs a model that lost; whoever answered, hidden tests judged it.
    source: Source = "harness" if author or len(attempts) > 1 else "synthetic"
    return Origin(
        source=source,
        repo=triple.repo,
        domain=facts.domain,
        licence=facts.licence,
        sha=triple.sha,
        patch_id=facts.patch_id,
        committed_at=facts.committed_at,
        task_id=triple.task_id,
        attempt_ids=attempts,
        call_number=triple.call_number,
        row=row,
        author=author,
    )
