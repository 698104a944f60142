"""From the facts of all candidates to the rows of a dataset, in order. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction

from cra_pipeline.contracts.rounds import round_number
from cra_pipeline.datasets.balance import balanced, unbalanced
from cra_pipeline.datasets.caps import capped, in_turn, overdrawn, require_domains
from cra_pipeline.datasets.curriculum import in_order
from cra_pipeline.datasets.duplicates import repeated
from cra_pipeline.datasets.facts import Facts
from cra_pipeline.datasets.near import Signature, nearly_repeated
from cra_pipeline.datasets.policy import CurationPolicy
from cra_pipeline.datasets.quota import Quota, within
from cra_pipeline.datasets.refusal import Refusal
from cra_pipeline.datasets.replay import require_share, spread
from cra_pipeline.datasets.selfmade import few_own, too_much_own
from cra_pipeline.datasets.size import size_fault


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidates:
    """What is left of a pool after every rule on single rows.

    Attributes:
        adapter_kind: Key of ``ADAPTER_KINDS``.
        round: Of the dataset.
        facts: In any order, each id once.
        signatures: Of the rows' texts, by id.
        dropped: Candidates that those rules turned away, by rule.
        quota: What the round's training plan asks for.
    """

    adapter_kind: str
    round: str
    facts: tuple[Facts, ...]
    signatures: Mapping[str, Signature]
    dropped: Counter[str] = field(default_factory=Counter)
    quota: Quota = field(default_factory=Quota)


@dataclass(frozen=True, slots=True)
class Composition:
    """A dataset's rows in order, and why other candidates are not among them."""

    rows: tuple[Facts, ...]
    dropped: Counter[str]

    @property
    def names(self) -> tuple[str, ...]:
        """Ids of the rows, in order."""
        return tuple(row.example_id for row in self.rows)

    def replayed(self, round_name: str) -> int:
        """Rows that an earlier round admitted."""
        return sum(row.round != round_name for row in self.rows)


def compose(candidates: Candidates, policy: CurationPolicy) -> Composition:
    """Choose and order the rows of one dataset.

    Raises:
        Refusal: There are no rows or too few, too few domains, or a share cannot be met.
    """
    dropped = Counter(candidates.dropped)
    unique = _unique(candidates, policy, dropped)
    fresh = [row for row in unique if row.round == candidates.round]
    earlier = [row for row in unique if row.round != candidates.round]
    if not fresh:
        raise Refusal(_none(candidates, dropped))
    require_domains(fresh, policy.caps)
    first = round_number(candidates.round) == 1
    most = candidates.quota.fresh(policy.replay, first=first)
    chosen = _shrunk(fresh, policy, dropped, quota=candidates.quota, most=most)
    if not chosen:
        raise Refusal(_none(candidates, dropped))
    replayed: list[Facts] = []
    if not first:
        chosen, replayed = _with_replay(chosen, earlier, policy, dropped)
    rows = spread(
        in_order(chosen, candidates.adapter_kind, policy.curriculum, seed=policy.seed),
        in_order(replayed, candidates.adapter_kind, policy.curriculum, seed=policy.seed),
    )
    if faults := (*unbalanced(rows, policy.balance), *overdrawn(rows, policy.caps),
                  *too_much_own(rows, policy.own)):  # fmt: skip
        raise Refusal("; ".join(faults))
    if fault := size_fault(len(rows), policy.size):
        raise Refusal(f"{fault}: run more attempts that make calls of this kind ({_why(dropped)})")
    return Composition(tuple(rows), dropped)


def _none(candidates: Candidates, dropped: Counter[str]) -> str:
    return (
        f"no new rows ({len(candidates.facts)} candidates; {_why(dropped)}): run attempts that "
        "make calls of this kind, or curate another kind"
    )


def _why(dropped: Counter[str]) -> str:
    reasons = ", ".join(f"{reason} {count}" for reason, count in sorted((+dropped).items()))
    return f"dropped: {reasons or 'none'}"


def _unique(candidates: Candidates, policy: CurationPolicy, dropped: Counter[str]) -> list[Facts]:
    """Candidates that say something new, in the order of precedence: older rounds first."""
    ordered = sorted(candidates.facts, key=lambda row: row.precedence)
    again = repeated(ordered)
    dropped.update(again.values())
    ordered = [row for row in ordered if row.example_id not in again]
    near = nearly_repeated(
        ordered, [candidates.signatures[row.example_id] for row in ordered], policy.near
    )
    dropped["near_duplicate"] += len(near)
    return [row for row in ordered if row.example_id not in near]


def _shrunk(
    rows: Sequence[Facts],
    policy: CurationPolicy,
    dropped: Counter[str],
    *,
    quota: Quota | None = None,
    most: int = 0,
) -> list[Facts]:
    """As many rows as keep every share; each rule may undo another, so all are asked again."""
    asked = quota or Quota()
    rules: dict[str, Callable[[Iterable[Facts]], set[str]]] = {
        "balance": lambda found: balanced(found, policy.balance, seed=policy.seed),
        "cap": lambda found: capped(found, policy.caps, seed=policy.seed),
        "self_generated": lambda found: few_own(found, policy.own, seed=policy.seed),
        "beyond_plan": lambda found: within(found, asked, most, seed=policy.seed),
    }
    left = list(rows)
    while True:
        before = len(left)
        for name, rule in rules.items():
            kept = rule(left)
            dropped[name] += len(left) - len(kept)
            left = [row for row in left if row.example_id in kept]
        if len(left) == before:
            return left


def _with_replay(
    fresh: Sequence[Facts],
    earlier: Sequence[Facts],
    policy: CurationPolicy,
    dropped: Counter[str],
) -> tuple[list[Facts], list[Facts]]:
    """Fresh and replayed rows; a few fresh ones are given up where the shares leave no room.

    Raises:
        Refusal: Too few earlier rows fit, with the numbers of the first try.
    """
    order = in_turn(fresh, policy.seed)
    step = max(1, len(order) // 100)
    refused: Refusal | None = None
    for size in range(len(order), policy.replay.fewest_fresh(len(order)) - 1, -step):
        kept = _shrunk(order[:size], policy, Counter())
        try:
            replayed = _drawn(kept, earlier, policy)
        except Refusal as error:
            refused = refused or error
            continue
        dropped["room_for_replay"] += len(order) - len(kept)
        dropped["earlier_round"] += len(earlier) - len(replayed)
        return kept, replayed
    raise refused or Refusal("no new rows")


def _drawn(
    fresh: Sequence[Facts],
    earlier: Sequence[Facts],
    policy: CurationPolicy,
) -> list[Facts]:
    """Replayed rows beside the fresh ones, so that no share of the whole is broken.

    Raises:
        Refusal: Too few earlier rows fit.
    """
    wanted = max(policy.replay.count(len(fresh)), policy.replay.fewest(len(fresh)))
    queue = in_turn(earlier, policy.seed)
    placed = sum(bool(row.domain) for row in fresh)
    expected = wanted
    while True:
        room = _Room(fresh, placed + expected, len(fresh) + wanted, policy)
        taken = [row for row in queue if room.takes(row, wanted)]
        found = sum(bool(row.domain) for row in taken)
        if found >= expected:
            break
        # Shares are of what is there in the end: fewer rows leave less room for each domain.
        expected = found
    require_share(len(fresh), len(taken), policy.replay)
    return taken


class _Room:
    """What a dataset that is to have a given size can still take."""

    def __init__(
        self, rows: Sequence[Facts], placed: int, total: int, policy: CurationPolicy
    ) -> None:
        """Begin with the fresh rows.

        Args:
            rows: What is there.
            placed: Rows with a domain that there will be.
            total: All rows that there will be.
            policy: The shares.
        """
        self._policy = policy
        self._strata = Counter(row.stratum for row in rows)
        self._domains = Counter(row.domain for row in rows)
        self._repos = Counter(row.repo for row in rows)
        self._own = sum(policy.own.is_own(row) for row in rows)
        self._taken = 0
        self._domain_most = _part(policy.caps.domain_share, placed)
        self._repo_most = _part(policy.caps.repo_share, placed)
        self._own_most = _part(policy.own.most, total)

    def takes(self, row: Facts, wanted: int) -> bool:
        """Whether a row fits among ``wanted`` ones; it is counted if it does."""
        other = self._strata[row.call_kind, not row.verdict]
        own = self._policy.own.is_own(row)
        fits = (
            self._taken < wanted
            and (
                row.verdict is None or self._strata[row.stratum] < self._policy.balance.most(other)
            )
            and (not row.domain or self._domains[row.domain] < self._domain_most)
            and (not row.domain or self._repos[row.repo] < self._repo_most)
            and (not own or self._own < self._own_most)
        )
        if fits:
            self._taken += 1
            self._strata[row.stratum] += 1
            self._domains[row.domain] += 1
            self._repos[row.repo] += 1
            self._own += own
        return fits


def _part(share: float, total: int) -> int:
    return int(Fraction(str(share)) * total)
