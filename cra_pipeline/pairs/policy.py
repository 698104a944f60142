"""The numbers of pairing; nothing here decides anything."""

from __future__ import annotations

import dataclasses
import json
from dataclasses import dataclass, field

from cra_pipeline.verdicts.attribution import AttributionPolicy


@dataclass(frozen=True, slots=True, kw_only=True)
class PairPolicy:
    """How many pairs one task and one repository may give, and who may win.

    Attributes:
        per_task: Most pairs of one task and one kind of call.
        per_repo: Most pairs of one repository and round, spread over its tasks.
        never_chosen: Agents whose passing answers prove the tests weak, not the answer right.
        attribution: From which numbers on a plan fits the commit.
        seed: Seeds the choice.
    """

    per_task: int = 4
    per_repo: int = 2000
    never_chosen: tuple[str, ...] = ("mutant",)
    attribution: AttributionPolicy = field(default_factory=AttributionPolicy)
    seed: int = 0


def policy_json(policy: PairPolicy) -> str:
    """One line of JSON with sorted keys: equal numbers give equal bytes."""
    return json.dumps(dataclasses.asdict(policy), sort_keys=True)
