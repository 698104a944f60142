"""What the harness writes beside its tables, and by which keys it remembers its work."""

from __future__ import annotations

import hashlib
import json

from cra_pipeline.contracts.record import Record
from cra_pipeline.contracts.tasks import AttemptRow, Proposal, TestTally

RULES = "4"
"""Part of every key: raise it when a rule changes what a unit comes to."""


def unit_key(*parts: str) -> str:
    """Content id of everything that decides a unit, the rules themselves included."""
    return hashlib.sha256(json.dumps([RULES, *parts]).encode()).hexdigest()


class Trace(Record):
    """``traces/<attempt id>.json``: what an attempt did and how it was judged."""

    attempt: AttemptRow
    proposal: Proposal
    tally: TestTally
    right_answers: tuple[str, ...] = ()
    """To each call of the attempt; empty texts where the commit knows none."""
