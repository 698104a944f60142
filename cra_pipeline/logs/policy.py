"""The numbers of a training plan."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field


@dataclass(frozen=True, slots=True, kw_only=True)
class Need:
    """How many examples an adapter kind calls for.

    Attributes:
        least: Fewest that are worth a training.
        wanted: What the training strategy recommends at the least.
    """

    least: int
    wanted: int


def _needs() -> dict[str, Need]:
    return {
        "scope": Need(least=500, wanted=2000),
        "execute_code": Need(least=1000, wanted=10000),
        "precision": Need(least=500, wanted=3000),
        "task_analysis": Need(least=500, wanted=3000),
        "planning_dpo": Need(least=200, wanted=1000),
    }


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanPolicy:
    """When a kind is weak, and when there is enough to train on.

    Attributes:
        confidence: Of all intervals, in (0, 1).
        most_errors: Share of calls without a usable answer that is tolerated.
        most_disagreement: Share of answers against the right one that is tolerated.
        least_domains: Domains below which a dataset would learn one style; said, not refused.
        least_gain: Smallest improvement that is aimed at.
        evidence: Calls that a plan names for each adapter kind.
        needs: Examples by adapter kind.
    """

    confidence: float = 0.95
    most_errors: float = 0.02
    most_disagreement: float = 0.15
    least_domains: int = 6
    least_gain: float = 0.05
    evidence: int = 9
    needs: Mapping[str, Need] = field(default_factory=_needs)

    def canonical(self) -> str:
        """Canonical JSON of all numbers."""
        return json.dumps(asdict(self), sort_keys=True, separators=(",", ":"))

    @classmethod
    def parse(cls, text: str) -> PlanPolicy:
        """Read what ``canonical`` wrote.

        Raises:
            ValueError: The text is something else.
        """
        try:
            found = json.loads(text)
            needs = {name: Need(**need) for name, need in found.pop("needs").items()}
            return cls(needs=needs, **found)
        except (AttributeError, KeyError, TypeError) as error:
            raise ValueError(f"{text[:80]!r}: expected the numbers of a plan ({error})") from error
