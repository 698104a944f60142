"""Which answers pair up.

Pure. Both answers belong to one task and one prompt; the chosen one passed. The rejected one
failed although its modules could be imported (a syntax error teaches nothing) and the fault is its
own, or it is a yes/no that the diff contradicts. A prompt with more than one right answer gives no
pair, and two answers that come to the same are none.
"""

from __future__ import annotations

import hashlib
import json
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from itertools import zip_longest

from cra_pipeline.contracts.tasks import AttemptRow, Outcome
from cra_pipeline.contracts.triples import PreferencePair, TripleRow
from cra_pipeline.pairs.meaning import conflicting, contradicted, said, sound
from cra_pipeline.pairs.policy import PairPolicy
from cra_pipeline.verdicts.attribution import Attribution
from cra_pipeline.verdicts.losing import (
    attributions,
    contradiction,
    is_binary,
    may_be_chosen,
    to_blame,
)

Prompt = tuple[str, str, str]
"""Task id, call kind and prompt hash: only answers that share them pair up."""


def pair_up(
    triples: Iterable[TripleRow], attempts: Iterable[AttemptRow], policy: PairPolicy
) -> tuple[PreferencePair, ...]:
    """All pairs of one repository and round within the caps, sorted by task, then by pair id.

    Args:
        triples: In any order; every one's attempt is among ``attempts``.
        attempts: In any order.
        policy: Caps, whose answers are never chosen, and whose fault a failure is.
    """
    known = {attempt.attempt_id: attempt for attempt in attempts}
    triples = list(triples)
    faults = attributions(triples, known, policy.attribution)
    by_task: dict[tuple[str, str], list[PreferencePair]] = defaultdict(list)
    for (task_id, kind, _), answers in sorted(by_prompt(triples).items()):
        if not conflicting(answers):
            by_task[task_id, kind].extend(_of_prompt(answers, known, faults, policy))
    kept = [_diverse(pairs, known, policy)[: policy.per_task] for pairs in by_task.values()]
    # Every task's first pair, then every task's second: a cap hits no task alone.
    kept.sort(key=lambda pairs: _rank(pairs[0].task_id, policy) if pairs else "")
    in_turn = [pair for turn in zip_longest(*kept) for pair in turn if pair is not None]
    return tuple(sorted(in_turn[: policy.per_repo], key=lambda pair: (pair.task_id, pair.pair_id)))


def conflicting_prompts(triples: Iterable[TripleRow]) -> tuple[Prompt, ...]:
    """Prompts that give no pair because more than one answer to them is right, sorted."""
    found = by_prompt(triples).items()
    return tuple(sorted(prompt for prompt, answers in found if conflicting(answers)))


def by_prompt(triples: Iterable[TripleRow]) -> dict[Prompt, list[TripleRow]]:
    """Triples that may pair up, in the order given."""
    found: dict[Prompt, list[TripleRow]] = defaultdict(list)
    for triple in triples:
        found[triple.task_id, triple.call_kind, triple.prompt_hash].append(triple)
    return found


def _of_prompt(
    answers: Sequence[TripleRow],
    known: Mapping[str, AttemptRow],
    faults: Mapping[str, Attribution],
    policy: PairPolicy,
) -> list[PreferencePair]:
    ordered = sorted(answers, key=lambda row: row.triple_id)
    chosen = [
        row
        for row in ordered
        if row.outcome is Outcome.PASSED
        and known[row.attempt_id].agent not in policy.never_chosen
        and may_be_chosen(row, known[row.attempt_id], faults.get(row.attempt_id))
        and not contradicted(row, ordered)
    ]
    never_lost = sound(ordered)
    lost = [
        (row, reason)
        for row in ordered
        if (reason := _lost(row, known[row.attempt_id], faults)) and said(row) not in never_lost
    ]
    found: dict[str, PreferencePair] = {}
    for good in chosen:
        for bad, reason in lost:
            pair = _pair(good, bad, reason)
            found.setdefault(pair.pair_id, pair)
    return list(found.values())


def _lost(triple: TripleRow, attempt: AttemptRow, faults: Mapping[str, Attribution]) -> str:
    """Why an answer lost; empty where it did not."""
    if is_binary(triple):
        return contradiction(triple)
    if triple.outcome is not Outcome.FAILED or not attempt.imports:
        return ""
    if triple.prompt_source == "rendered":
        return reason_lost(attempt)
    fault = to_blame(triple, faults[triple.attempt_id])
    return f"{fault}: {reason_lost(attempt)}" if fault else ""


def _pair(chosen: TripleRow, rejected: TripleRow, reason: str) -> PreferencePair:
    content = [chosen.task_id, chosen.prompt_hash, chosen.output, rejected.output]
    return PreferencePair(
        pair_id=hashlib.sha256(json.dumps(content).encode()).hexdigest(),
        task_id=chosen.task_id,
        repo=chosen.repo,
        round=chosen.round,
        sha=chosen.sha,
        call_kind=chosen.call_kind,
        prompt_hash=chosen.prompt_hash,
        system=chosen.system,
        prompt=chosen.prompt,
        chosen=chosen.output,
        rejected=rejected.output,
        chosen_attempt=chosen.attempt_id,
        rejected_attempt=rejected.attempt_id,
        reason=reason,
    )


def reason_lost(attempt: AttemptRow) -> str:
    """Why an attempt lost, such as ``dropped_hunk: fail_to_pass_failed: tests/test_a.py::test_b``.

    The kind of change, the verdict's reason, and the first expected test that did not pass.
    """
    words = [kind_of(attempt), attempt.reason, *attempt.failed_tests[:1]]
    return ": ".join(word for word in words if word)


def kind_of(attempt: AttemptRow) -> str:
    """The configuration without its number: ``dropped_hunk`` of ``dropped_hunk#2``."""
    return attempt.configuration.partition("#")[0]


def _diverse(
    pairs: Iterable[PreferencePair], known: Mapping[str, AttemptRow], policy: PairPolicy
) -> list[PreferencePair]:
    """Pairs in the order in which they are taken: kinds of rejected answers take turns."""
    by_kind: dict[str, list[PreferencePair]] = defaultdict(list)
    for pair in sorted(pairs, key=lambda item: _rank(item.pair_id, policy)):
        by_kind[kind_of(known[pair.rejected_attempt])].append(pair)
    turns = zip_longest(*(by_kind[kind] for kind in sorted(by_kind)))
    return [pair for turn in turns for pair in turn if pair is not None]


def _rank(name: str, policy: PairPolicy) -> str:
    return hashlib.sha256(f"{policy.seed}\0{name}".encode()).hexdigest()
