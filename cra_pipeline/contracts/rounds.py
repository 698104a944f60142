"""Training rounds: which commits belong to which turn."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Literal

from pydantic import field_validator

from cra_pipeline.contracts.record import Record


class RoundRecord(Record):
    """``rounds/rNN.json``: written once when the round is opened, never edited."""

    round: str
    """``r01``, ``r02``, …"""
    cut_off: int
    """Seconds since the epoch; commits with a later committer date lie in the holdout."""
    pins: tuple[tuple[str, str], ...]
    """(repo, full commit id), sorted by repo: every repository of the round."""
    held_out: tuple[str, ...]
    """Repositories kept out of every training set, sorted; never drawn again."""
    incumbents: tuple[tuple[str, str], ...] = ()
    """(adapter kind, version) active when the round was opened, sorted by kind."""
    waivers: tuple[tuple[str, str], ...] = ()
    """(what is waived, why), sorted, such as ``("gate_1_base_half", "demo base")``."""

    @field_validator("round")
    @classmethod
    def _name(cls, value: str) -> str:
        if not re.fullmatch(r"r\d{2,}", value):
            raise ValueError(f"{value!r} is no round: expected r01, r02, …")
        return value

    def pin(self, repo: str) -> str | None:
        """Pinned commit id of ``repo``, or None where the round does not list it."""
        return dict(self.pins).get(repo)


class KindClosing(Record):
    """What a round came to for one adapter kind."""

    adapter_kind: str
    version: str
    """The round's newest version of the kind; empty where none was registered."""
    ending: Literal["promoted", "refused", "rolled_back", "undecided", "none"]
    reason: str
    """Of a refusal or a rollback; empty else."""
    active: str
    """Version in service when the round was closed; empty where none was."""


class RoundClosing(Record):
    """``rounds/closed/rNN.json``: written once when the round is closed, never edited."""

    round: str
    kinds: tuple[KindClosing, ...]
    """One for each adapter kind, in the order of ``kinds.ADAPTER_KINDS``."""
    ledger: str
    """``content`` of the ledger's last line; empty where there was none."""
    plateau: tuple[str, ...]
    """Adapter kinds without a significant gain over the last rounds."""
    advice: tuple[str, ...]
    """What to do about it, one sentence each."""
    at: int
    """Seconds since the epoch."""


def round_number(name: str) -> int:
    """Turn of a round: rounds are sorted by it, as text ``r100`` would come before ``r99``."""
    return int(name.removeprefix("r"))


def round_of_commit(
    committed_at: int, reached_by: Iterable[str], rounds: Iterable[RoundRecord]
) -> str | None:
    """First round whose pin reaches the commit and whose cut-off is not before its date.

    Args:
        committed_at: Committer date in seconds since the epoch.
        reached_by: Names of the rounds whose pin reaches the commit.
        rounds: All opened rounds, in any order.

    Returns:
        The round's name, or None: the commit lies after every cut-off (holdout).
    """
    reaching = set(reached_by)
    for record in sorted(rounds, key=lambda item: round_number(item.round)):
        if record.round in reaching and committed_at <= record.cut_off:
            return record.round
    return None
