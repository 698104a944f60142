"""Every number that decides a dataset, gathered from beside the rules that use them."""

from __future__ import annotations

import dataclasses
import json
from dataclasses import dataclass, field

from cra_pipeline.datasets.balance import BalancePolicy
from cra_pipeline.datasets.caps import CapPolicy
from cra_pipeline.datasets.curriculum import CurriculumPolicy
from cra_pipeline.datasets.decontamination import ContaminationPolicy
from cra_pipeline.datasets.length import LengthPolicy
from cra_pipeline.datasets.near import NearPolicy
from cra_pipeline.datasets.quota import Quota
from cra_pipeline.datasets.replay import ReplayPolicy
from cra_pipeline.datasets.selfmade import SelfPolicy
from cra_pipeline.datasets.size import SizePolicy


@dataclass(frozen=True, slots=True, kw_only=True)
class CurationPolicy:
    """The rules of one dataset.

    Attributes:
        seed: Seeds every draw, so that equal inputs give equal datasets.
    """

    balance: BalancePolicy = field(default_factory=BalancePolicy)
    caps: CapPolicy = field(default_factory=CapPolicy)
    own: SelfPolicy = field(default_factory=SelfPolicy)
    contamination: ContaminationPolicy = field(default_factory=ContaminationPolicy)
    near: NearPolicy = field(default_factory=NearPolicy)
    length: LengthPolicy = field(default_factory=LengthPolicy)
    replay: ReplayPolicy = field(default_factory=ReplayPolicy)
    curriculum: CurriculumPolicy = field(default_factory=CurriculumPolicy)
    size: SizePolicy = field(default_factory=SizePolicy)
    seed: int = 0

    def canonical_json(self, *, tokenizer: str, tokens: str, quota: Quota) -> str:
        """One line of JSON with sorted keys: equal numbers give equal bytes.

        Args:
            tokenizer: Which one counted.
            tokens: ``counted`` or ``estimated``.
            quota: What the round's training plan asked for.
        """
        told = {"tokenizer": tokenizer, "tokens": tokens, "plan": dataclasses.asdict(quota)}
        numbers = {**dataclasses.asdict(self), **told}
        return json.dumps(numbers, sort_keys=True)
