"""Triples and preference pairs."""

from __future__ import annotations

import hashlib
from typing import Literal

from cra_pipeline.contracts.record import Record
from cra_pipeline.contracts.tasks import Outcome


class TripleRow(Record):
    """(input, output, outcome) of one call in an attempt (row of ``triples.parquet``)."""

    triple_id: str
    """Content id of the task, the prompt, the output, the right answer and the outcome."""
    attempt_id: str
    task_id: str
    repo: str
    round: str
    sha: str
    call_kind: str
    prompt_source: Literal["logged", "rendered"]
    """``rendered`` never feeds a call kind that has logged prompts."""
    prompt_hash: str
    """SHA-256 of system and user text."""
    system: str
    prompt: str
    output: str
    call_number: int = -1
    """Position of the call within its attempt, from 0; -1 where no call was made."""
    responder: str = ""
    """Who answered; empty where no call was made."""
    file_precision: float | None = None
    """Share of the planned files that the commit changed; None where nothing was planned."""
    file_recall: float | None = None
    """Share of the changed files that were planned; None where nothing was planned."""
    file_overlap: float | None = None
    """Of the attempt's plan with the commit, in [0, 1]; None where nothing was planned."""
    symbol_overlap: float | None = None
    """The same for symbols."""
    dependency_order: float | None = None
    """The same for the order of dependent files."""
    right_answer: str
    """What the diff knows to be right; empty where it does not."""
    outcome: Outcome
    reason: str


class PreferencePair(Record):
    """Two outputs for one prompt on the same task (row of ``preference_pairs.parquet``)."""

    pair_id: str
    task_id: str
    repo: str
    round: str
    sha: str
    call_kind: str
    prompt_hash: str
    system: str
    prompt: str
    chosen: str
    rejected: str
    chosen_attempt: str
    rejected_attempt: str
    reason: str
    """Why the rejected one lost."""


def prompt_hash(system: str, prompt: str) -> str:
    """``TripleRow.prompt_hash`` of two texts; where they part counts."""
    return hashlib.sha256(f"{system}\0{prompt}".encode()).hexdigest()
