"""Gathers the evidence that rows are held against: clones, round records, logs, traces."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from functools import cache, lru_cache, partial
from pathlib import Path

from cra_pipeline.contracts.calls import CallRecord
from cra_pipeline.contracts.datasets import CandidateRow
from cra_pipeline.contracts.tasks import AttemptRow
from cra_pipeline.contracts.triples import PreferencePair, TripleRow
from cra_pipeline.contracts.workspace import Layout
from cra_pipeline.datasets.increment import Evidence, IncrementPolicy, answers_of, judged
from cra_pipeline.datasets.line import Line
from cra_pipeline.datasets.mining import system_text
from cra_pipeline.datasets.proof import RoundEvidence, Witness, faults
from cra_pipeline.datasets.stage.commits import CommitsAgain
from cra_pipeline.datasets.stage.dataset_files import FORMS
from cra_pipeline.datasets.stage.increments import commit_facts
from cra_pipeline.datasets.stage.lines import kept_out_changes, line_of
from cra_pipeline.datasets.stage.pools import COLD_START, cold_start_rows
from cra_pipeline.errors import StoreError
from cra_pipeline.integrations.calls import attempt_calls, has_calls
from cra_pipeline.integrations.files import read_table
from cra_pipeline.kinds import ADAPTER_KINDS


def witness(layout: Layout, round_name: str, *, changes: bool) -> Witness:
    """Evidence for rows of a round's dataset, read as it is asked for.

    Args:
        layout: The workspace.
        round_name: An opened round.
        changes: Whether patch ids of all that is kept out are read from git too.

    Raises:
        RoundError: The round is not opened.
    """
    line = line_of(layout, round_name)
    if changes:
        line = Line(
            record=line.record,
            rounds=line.rounds,
            reaches=line.reaches,
            kept_out=line.kept_out,
            kept_out_changes=kept_out_changes(layout, line),
        )

    @cache
    def of(repo: str, name: str) -> RoundEvidence | None:
        return _evidence(layout, line, repo, name)

    return Witness(line=line, published=_published(layout), first_round=line.rounds[0].round, of=of)


def row_faults(rows: Iterable[CandidateRow], found: Witness) -> list[str]:
    """What does not hold of rows, one sentence each."""
    return faults(rows, found)


def _published(layout: Layout) -> dict[str, str]:
    """Digests, not rows: there may be a hundred thousand."""
    if not layout.manifest(COLD_START, "").exists():
        return {}
    return {
        row.example_id: row.digest()
        for kind in ADAPTER_KINDS
        for form in FORMS
        for row in cold_start_rows(layout, kind, form)
    }


def _evidence(layout: Layout, line: Line, repo: str, name: str) -> RoundEvidence | None:
    """What lies on disk of a repository and round; None where the round does not list it."""
    if name not in line.reaches.get(repo, {}):
        return None
    key = f"{repo}|{name}"
    triples = read_table(layout.table("triples", key), TripleRow)
    attempts = {
        row.attempt_id: row for row in read_table(layout.table("attempts", key), AttemptRow)
    }
    pairs = read_table(layout.table("preference_pairs", key), PreferencePair)

    @lru_cache(maxsize=16)
    def calls(attempt_id: str) -> Mapping[int, CallRecord]:
        attempt = attempts.get(attempt_id)
        if attempt is None or not has_calls(layout, key, attempt.campaign, attempt_id):
            return {}
        found = attempt_calls(layout, key, attempt.campaign, attempt_id)
        return {record.number: record for record in found}

    @lru_cache(maxsize=16)
    def right_answers(attempt_id: str) -> tuple[str, ...]:
        return _right_answers(layout.partition("attempts", key) / "traces" / f"{attempt_id}.json")

    facts = partial(commit_facts, layout, repo, line, of=name)
    commits = facts({row.sha for row in triples})

    @cache
    def reasons() -> Mapping[str, str]:
        offer = Evidence(
            triples=triples, pairs=pairs, attempts=attempts, commits=commits,
            call=lambda triple: calls(triple.attempt_id)[triple.call_number],
        )  # fmt: skip
        return {row.triple_id: reason for row, reason in judged(offer, IncrementPolicy())}

    again = CommitsAgain(
        layout=layout, repo=repo, round_name=name, system=system_text(triples), facts=facts
    )
    return RoundEvidence(
        triples={row.triple_id: row for row in triples},
        pairs={row.pair_id: row for row in pairs},
        said=answers_of(triples),
        attempts=attempts,
        calls=calls,
        right_answers=right_answers,
        commits=commits,
        mined=cache(again.of),
        unfit=lambda name: reasons()[name],
    )


def _right_answers(trace: Path) -> tuple[str, ...]:
    """As the harness keeps them beside an attempt."""
    try:
        found = json.loads(trace.read_bytes())["right_answers"]
    except (OSError, ValueError, KeyError) as error:
        raise StoreError(f"{trace}: no trace of an attempt ({error!r}): run it again") from error
    return tuple(map(str, found))
