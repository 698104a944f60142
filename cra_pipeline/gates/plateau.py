"""When training no longer helps, and what would: new repositories, new domains. Pure.

Data of the same repositories runs dry after about two rounds (strategy, section 13). A round whose
report had too little evidence says nothing either way and is passed over.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from cra_pipeline.contracts.gates import GateReport
from cra_pipeline.contracts.rounds import RoundRecord, round_number
from cra_pipeline.contracts.sources import RepoSource


@dataclass(frozen=True, slots=True, kw_only=True)
class PlateauPolicy:
    """When to speak, and how much to propose.

    Attributes:
        rounds: Judged rounds in a row without a significant gain (strategy, section 13).
        most: Repositories to propose.
    """

    rounds: int = 2
    most: int = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class Plateau:
    """A kind that gains no more, and what to add.

    Attributes:
        adapter_kind: Which one.
        rounds: Those without a gain, in order.
        advice: A sentence or two for a person.
        candidates: (domain, repository), the domains that rounds know least of first.
    """

    adapter_kind: str
    rounds: tuple[str, ...]
    advice: str
    candidates: tuple[tuple[str, str], ...]


def gained(report: GateReport) -> bool:
    """Whether the gain was significant, whatever else kept the candidate from passing."""
    gains = [item for item in report.requirements if item.name.startswith("gain_against_")]
    return bool(gains) and all(item.holds for item in gains)


def plateaus(
    reports: Iterable[GateReport],
    rounds: Sequence[RoundRecord],
    sources: Iterable[RepoSource],
    policy: PlateauPolicy | None = None,
) -> tuple[Plateau, ...]:
    """Kinds whose newest judged rounds brought nothing, sorted.

    Args:
        reports: Of all rounds and kinds, in any order.
        rounds: All opened rounds.
        sources: All that the corpus and the user list.
        policy: When to speak.
    """
    rules = policy or PlateauPolicy()
    history: dict[str, list[GateReport]] = defaultdict(list)
    for report in sorted(reports, key=lambda item: round_number(item.round)):
        if report.decision != "not_enough_evidence":
            history[report.adapter_kind].append(report)
    fresh = candidates(rounds, sources)[: rules.most]
    found = []
    for kind, judged in sorted(history.items()):
        last = judged[-rules.rounds :]
        if len(last) == rules.rounds and not any(map(gained, last)):
            names = tuple(report.round for report in last)
            found.append(
                Plateau(
                    adapter_kind=kind,
                    rounds=names,
                    advice=_advice(kind, names, fresh),
                    candidates=fresh,
                )
            )
    return tuple(found)


def candidates(
    rounds: Sequence[RoundRecord], sources: Iterable[RepoSource]
) -> tuple[tuple[str, str], ...]:
    """(domain, repository) that no round lists, the least known domains first."""
    known = {name for record in rounds for name, _ in record.pins}
    listed = tuple(sources)
    met = Counter(source.domain for source in listed if source.name in known)
    fresh = [
        (source.domain, source.name)
        for source in listed
        if source.name not in known and source.tier == "full" and {"P", "C"} & {*source.roles}
    ]
    return tuple(sorted(fresh, key=lambda item: (met[item[0]], *item)))


def _advice(kind: str, rounds: tuple[str, ...], fresh: Sequence[tuple[str, str]]) -> str:
    told = f"{kind}: no significant gain in {' and '.join(rounds)}"
    if not fresh:
        return (
            f"{told}: every listed repository is in a round; add new ones: cra-pipeline add SOURCE"
        )
    names = ", ".join(f"{name} ({domain})" for domain, name in fresh)
    return f"{told}: open the next round with new repositories or domains, such as {names}"
