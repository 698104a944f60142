"""No domain and no repository may rule a dataset.

Shares are of the rows that have a domain: published data sets are a source, not a domain, and
could otherwise hide one.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import zip_longest

from cra_pipeline.datasets.facts import Facts, rank
from cra_pipeline.datasets.refusal import Refusal


@dataclass(frozen=True, slots=True, kw_only=True)
class CapPolicy:
    """How much of a dataset may come from one place.

    Attributes:
        domain_share: Most of one domain, as a share of the rows that have a domain, in (0, 1].
        repo_share: The same for one repository.
        domains: Fewest domains.
    """

    domain_share: float = 0.2
    repo_share: float = 0.2
    domains: int = 6


def require_domains(rows: Iterable[Facts], policy: CapPolicy) -> None:
    """Refuse rows of too few domains; rows of published data sets alone have none and may.

    Raises:
        Refusal: As said, with the domains that there are.
    """
    counts = Counter(row.domain for row in rows if row.domain)
    if counts and len(counts) < policy.domains:
        found = ", ".join(f"{name} {count}" for name, count in sorted(counts.items()))
        raise Refusal(
            f"{len(counts)} domains ({found}), expected {policy.domains} or more: open the round "
            "with repositories of further domains, or run more attempts on those it has"
        )


def capped(rows: Iterable[Facts], policy: CapPolicy, *, seed: int) -> set[str]:
    """Ids of the rows to keep, as many as the shares allow; rows without a domain are all kept."""
    listed = list(rows)
    with_domain = [row for row in listed if row.domain]
    kept = {row.example_id for row in listed if not row.domain}
    while True:
        smaller = _evened(with_domain, policy.domain_share, lambda row: row.domain, seed)
        smaller = _evened(smaller, policy.repo_share, lambda row: row.repo, seed)
        if len(smaller) == len(with_domain):
            return kept | {row.example_id for row in smaller}
        # One cap may have broken the other: fewer rows each time, so this ends.
        with_domain = smaller


def _evened(
    rows: Sequence[Facts], share: float, group: Callable[[Facts], str], seed: int
) -> list[Facts]:
    groups: dict[str, list[Facts]] = defaultdict(list)
    for row in rows:
        groups[group(row)].append(row)
    most = largest_cap({name: len(found) for name, found in groups.items()}, share)
    return [row for name in sorted(groups) for row in in_turn(groups[name], seed)[:most]]


def largest_cap(sizes: Mapping[str, int], share: float) -> int:
    """The most rows of each group so that none exceeds its share of what is left.

    Zero where no number does, such as for two groups that may have a fifth each.
    """
    part = Fraction(str(share))
    low, high = 0, max(sizes.values(), default=0)
    while low < high:
        middle = (low + high + 1) // 2
        total = sum(min(size, middle) for size in sizes.values())
        # The fuller the groups, the larger the largest one's share: so it can be halved.
        if middle <= part * total:
            low = middle
        else:
            high = middle - 1
    return low


def in_turn(rows: Sequence[Facts], seed: int) -> list[Facts]:
    """Rows in the order in which they are taken: repositories, call kinds and answers by turns."""
    strata: dict[tuple[str, str, bool | None], list[Facts]] = defaultdict(list)
    place = {row.example_id: rank(row.example_id, seed) for row in rows}
    # What an attempt asked for comes before what was written as if one had.
    for row in sorted(rows, key=lambda item: (not item.task_id, place[item.example_id])):
        strata[row.repo, *row.stratum].append(row)
    turns = zip_longest(*strata.values())
    # Within a turn by draw again: what stops early must not favour the first names.
    return [
        row
        for turn in turns
        for row in sorted(filter(None, turn), key=lambda item: place[item.example_id])
    ]


def overdrawn(rows: Sequence[Facts], policy: CapPolicy) -> tuple[str, ...]:
    """What breaks a cap, one sentence each, with numbers."""
    with_domain = [row for row in rows if row.domain]
    total = len(with_domain)
    found = []
    groups = (
        ("domain", policy.domain_share, Counter(row.domain for row in with_domain)),
        ("repository", policy.repo_share, Counter(row.repo for row in with_domain)),
    )
    for what, share, counts in groups:
        for name, count in sorted(counts.items()):
            if count > Fraction(str(share)) * total:
                found.append(
                    f"{what} {name}: {count} of {total} rows ({count / total:.1%}), at most "
                    f"{share:.0%} may be"
                )
    domains = {row.domain for row in with_domain}
    if with_domain and len(domains) < policy.domains:
        found.append(f"{len(domains)} domains, expected {policy.domains} or more")
    return tuple(found)
