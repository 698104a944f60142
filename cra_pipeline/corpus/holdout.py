"""Which repositories are kept out of every training set: drawn once, by hash, for good."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from fractions import Fraction

from cra_pipeline.contracts.rounds import RoundRecord


@dataclass(frozen=True, slots=True, kw_only=True)
class HoldoutPolicy:
    """How many repositories are held out.

    Attributes:
        share: Aim, as a share of all repositories of a round, in [0, 1).
        most: Share that a draw never exceeds; below ``1 / most`` repositories none is drawn,
            because one of few would cost more training data than its gate is worth.
        seed: Seeds the draw, so equal names give equal draws.
    """

    share: float = 0.15
    most: float = 0.2
    seed: int = 0

    def count(self, repos: int) -> int:
        """Held-out repositories among ``repos``: the nearest to ``share`` within ``most``."""
        # Exact: in binary floats 0.2 * 5 may fall on either side of 1.
        aim = round(Fraction(str(self.share)) * repos)
        ceiling = int(Fraction(str(self.most)) * repos)
        floor = 1 if self.share > 0 else 0
        return min(max(aim, floor), ceiling)


def draw_held_out(
    names: Iterable[str], earlier: Sequence[RoundRecord], policy: HoldoutPolicy
) -> tuple[str, ...]:
    """Held-out repositories of a new round, sorted.

    Those of earlier rounds stay. Only repositories that no earlier round lists are drawn from:
    one that was trained on can never become a fair test.

    Args:
        names: Repositories of the new round.
        earlier: Records of all earlier rounds.
        policy: Share and seed.
    """
    present = set(names)
    kept = {name for record in earlier for name in record.held_out}
    decided = kept | {name for record in earlier for name, _ in record.pins}
    fresh = sorted(present - decided, key=lambda name: (_rank(name, policy.seed), name))
    lacking = max(policy.count(len(present)) - len(kept & present), 0)
    return tuple(sorted(kept | set(fresh[:lacking])))


def _rank(name: str, seed: int) -> str:
    return hashlib.sha256(f"held-out|{seed}|{name}".encode()).hexdigest()
