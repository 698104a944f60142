"""Round records: what a new round may say, given the earlier ones."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from cra_pipeline.contracts.rounds import RoundRecord
from cra_pipeline.contracts.sources import RepoSource

_NO_REPOSITORY = "no repository in the round: add one with `cra-pipeline add SOURCE`"


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
) -> RoundRecord:
    """Record of the next round.

    Args:
        sources: Its repositories, each pinned at its revision.
        earlier: Records of all earlier rounds.
        cut_off: Seconds since the epoch.
        held_out: Its held-out repositories; those of earlier rounds are added.

    Raises:
        ValueError: No repository, an unknown one held out, one held out that an earlier round
            trained on, or a cut-off before an earlier one.
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
    )


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
