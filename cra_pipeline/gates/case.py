"""What a gate is asked to judge: rows of the arms, and what they ought to be of."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from cra_pipeline.contracts.gates import HoldoutAnswer, HoldoutAttempt
from cra_pipeline.contracts.manifests import Input
from cra_pipeline.gates.plan_answers import PLANS
from cra_pipeline.gates.policy import BASE_HALF, TOGETHER
from cra_pipeline.kinds import ADAPTER_KINDS, CALL_KINDS


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One candidate before the gate.

    Attributes:
        adapter_kind: Key of ``ADAPTER_KINDS``, or what stands in place of one.
        round: Of the candidate.
        base_digest: Of the frozen base; what the arm ``base`` must be.
        adapter_digest: Of the candidate's weights.
        incumbent: Version that was active when the round was opened; empty where none was.
        incumbent_digest: Digest of its weights; empty with it.
        attempts: Of all arms, in any order.
        answers: Of all arms, in any order.
        inputs: What the rows were read from.
        waivers: Of the round's record, as far as they bear on the kind.
    """

    adapter_kind: str
    round: str
    base_digest: str
    adapter_digest: str
    attempts: Sequence[HoldoutAttempt]
    answers: Sequence[HoldoutAnswer] = ()
    incumbent: str = ""
    incumbent_digest: str = ""
    inputs: tuple[Input, ...] = ()
    waivers: tuple[str, ...] = ()

    @property
    def expected_models(self) -> dict[str, str]:
        """Digest that each arm must have been answered by, by arm."""
        # A tuned base is no adapter on the untuned one, but another base.
        alone = self.adapter_kind == BASE_HALF
        candidate = self.adapter_digest if alone else f"{self.base_digest}+{self.adapter_digest}"
        models = {"base": self.base_digest, "candidate": candidate}
        if self.incumbent:
            models["incumbent"] = f"{self.base_digest}+{self.incumbent_digest}"
        return models


def call_kinds_of(adapter_kind: str) -> tuple[str, ...]:
    """Calls that a kind answers, sorted; of the sets that are no kind, all calls or all plans."""
    if adapter_kind == TOGETHER:
        return tuple(sorted(CALL_KINDS))
    if adapter_kind == BASE_HALF:
        return tuple(sorted(PLANS))
    stages = ADAPTER_KINDS[adapter_kind].stages if adapter_kind in ADAPTER_KINDS else ()
    own = {adapter_kind} & CALL_KINDS.keys()
    return tuple(sorted({row.name for row in CALL_KINDS.values() if row.stage in stages} or own))
