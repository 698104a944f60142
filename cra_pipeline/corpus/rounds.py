"""Round records: what a new round may say, given the earlier ones."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise

from cra_pipeline.contracts.rounds import RoundRecord
from cra_pipeline.contracts.sources import RepoSource
from cra_pipeline.kinds import ADAPTER_KINDS

_NO_REPOSITORY = "no repository in the round: add one with `cra-pipeline add SOURCE`"
_WAIVED = re.compile(r"([a-z][a-z0-9_]*)(?::([a-z][a-z0-9_]*))?")


@dataclass(frozen=True, slots=True, kw_only=True)
class Frozen:
    """What a round's record holds for good beside its repositories.

    Attributes:
        incumbents: (adapter kind, version) in service now: every gate of the round compares with
            it, whatever serves by then.
        waivers: (what is waived, why); at most one for each thing.
    """

    incumbents: tuple[tuple[str, str], ...] = ()
    waivers: tuple[tuple[str, str], ...] = ()


def waiver(text: str) -> tuple[str, str]:
    """What is waived and why, from ``WHAT=REASON``; ``WHAT`` may name the one kind it is for.

    >>> waiver("gate_1_base_half=the demo's base")
    ('gate_1_base_half', "the demo's base")

    Raises:
        ValueError: No reason, or no such adapter kind.
    """
    what, _, why = (part.strip() for part in text.partition("="))
    match = _WAIVED.fullmatch(what)
    if match is None or not why:
        raise ValueError(
            f"{text!r} is no waiver: expected WHAT=REASON, such as gate_1_base_half=demo base"
        )
    if match[2] and match[2] not in ADAPTER_KINDS:
        raise ValueError(
            f"{match[2]!r} is no adapter kind: expected one of {', '.join(ADAPTER_KINDS)}"
        )
    return what, why


def in_order(rounds: Iterable[RoundRecord]) -> tuple[RoundRecord, ...]:
    """Rounds by number; ``r100`` follows ``r99``."""
    return tuple(sorted(rounds, key=lambda record: int(record.round[1:])))


def next_round(rounds: Iterable[RoundRecord]) -> str:
    """Name of the round that would be opened next: ``r01`` where there is none."""
    return f"r{max((int(record.round[1:]) for record in rounds), default=0) + 1:02d}"


def default_cut_off(sources: Iterable[RepoSource], earlier: Sequence[RoundRecord]) -> int:
    """Newest committer date over the pins, so that the whole pinned history is in the round.

    The held-out repositories then do the testing; who wants a holdout by time as well gives an
    earlier date. Never before the cut-off of an earlier round.

    Returns:
        Seconds since the epoch.

    Raises:
        ValueError: There is no repository, or the date of a pin is not known.
    """
    pins = tuple(sources)
    if not pins:
        raise ValueError(_NO_REPOSITORY)
    unknown = sorted(source.name for source in pins if not source.committed_at)
    if unknown:
        raise ValueError(
            f"the date of the pins of {', '.join(unknown)} is not known: give the cut-off, or run "
            f"`cra-pipeline add` on them again"
        )
    dates = [source.committed_at for source in pins]
    return max(dates + [record.cut_off for record in earlier])


def round_record(
    sources: Sequence[RepoSource],
    earlier: Sequence[RoundRecord],
    *,
    cut_off: int,
    held_out: Iterable[str],
    frozen: Frozen | None = None,
) -> RoundRecord:
    """Record of the next round.

    Args:
        sources: Its repositories, each pinned at its revision.
        earlier: Records of all earlier rounds.
        cut_off: Seconds since the epoch.
        held_out: Its held-out repositories; those of earlier rounds are added.
        frozen: Incumbents and waivers, in any order; None for none.

    Raises:
        ValueError: No repository, an unknown one held out, one held out that an earlier round
            trained on, a cut-off before an earlier one, or a thing waived twice.
    """
    names = {source.name for source in sources}
    kept = {name for record in earlier for name in record.held_out}
    fresh = set(held_out) - kept
    _refuse(names, fresh, earlier, cut_off)
    return RoundRecord(
        round=next_round(earlier),
        cut_off=cut_off,
        pins=tuple(sorted((source.name, source.revision) for source in sources)),
        held_out=tuple(sorted(kept | fresh)),
        incumbents=tuple(sorted(frozen.incumbents)) if frozen else (),
        waivers=_once(frozen.waivers) if frozen else (),
    )


def _once(waivers: Iterable[tuple[str, str]]) -> tuple[tuple[str, str], ...]:
    found = sorted(waivers)
    for (what, why), (other, instead) in pairwise(found):
        if what == other:
            raise ValueError(f"{what} is waived twice: {why!r} and {instead!r}; give one reason")
    return tuple(found)


def _refuse(names: set[str], fresh: set[str], earlier: Sequence[RoundRecord], cut_off: int) -> None:
    if not names:
        raise ValueError(_NO_REPOSITORY)
    if fresh - names:
        raise ValueError(
            f"held out but not in the round: {', '.join(sorted(fresh - names))}; the round has "
            f"{', '.join(sorted(names))}"
        )
    if cut_off <= 0:
        raise ValueError(f"cut-off {cut_off}: expected seconds since the epoch, above 0")
    for record in earlier:
        trained = {name for name, _ in record.pins} & fresh
        if trained:
            raise ValueError(
                f"{', '.join(sorted(trained))}: {record.round} trained on it, so it can never be "
                "held out: hold out a repository that no round lists yet"
            )
        if cut_off < record.cut_off:
            raise ValueError(
                f"cut-off {cut_off} lies before {record.cut_off} of {record.round}: every commit "
                "up to there belongs to that round already; give the same date or a later one"
            )
