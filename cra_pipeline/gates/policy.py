"""Every number that a gate decides by, with its source; thresholds are floors, never enough."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import Literal

from cra_pipeline.kinds import ADAPTER_KINDS

Form = Literal["binary", "files", "outcome"]
"""What is read of a kind: yes/no answers, named files, or how attempts ended."""

TOGETHER = "together"
"""In place of a kind: attempts in which every new adapter of a round answers its own calls."""
BASE_HALF = "gate_1_base_half"
"""In place of a kind: a fine-tuned base as candidate against the untuned one; also the name of the
waiver that stands for its report."""
SIGNIFICANCE = 0.025
"""Of every one-sided test."""


@dataclass(frozen=True, slots=True, kw_only=True)
class KindRules:
    """What is measured of one kind.

    Attributes:
        form: What its answers are.
        primary: Metric whose paired gain decides. Of yes/no kinds it is one in which no constant
            answer can win: saying yes to everything has a recall of 1.
        floors: (metric, least value in [0, 1]), sorted; a metric with a floor is held by that
            alone, as a base that says yes to everything cannot be surpassed in it.
        secondary: Metrics in which the candidate may not be below the base.
        calls: Call kinds that the metrics of classes are counted on; empty for all of the kind.
    """

    form: Form
    primary: str
    floors: tuple[tuple[str, float], ...] = ()
    secondary: tuple[str, ...] = ()
    calls: tuple[str, ...] = ()


def _binary(calls: tuple[str, ...] = (), **floors: float) -> KindRules:
    secondary = tuple(name for name in ("f1", "precision") if name not in floors)
    return KindRules(
        form="binary",
        primary="balanced_accuracy",
        floors=tuple(sorted(floors.items())),
        secondary=secondary,
        calls=calls,
    )


def _outcome(primary: str, *secondary: str, **floors: float) -> KindRules:
    return KindRules(
        form="outcome",
        primary=primary,
        floors=tuple(sorted(floors.items())),
        secondary=secondary,
    )


_RULES: Mapping[str, KindRules] = {
    # Section 12 of the strategy; the first floor of each is that of ADAPTER_KINDS.
    "scope": _binary(accuracy=0.75, relevant_recall=ADAPTER_KINDS["scope"].threshold),
    "precision": _binary(
        ("precision_pass2",), accuracy=0.7, primary_recall=ADAPTER_KINDS["precision"].threshold
    ),
    "task_analysis": KindRules(
        form="files",
        primary="file_f1",
        floors=(
            ("file_precision", 0.6),
            ("file_recall", ADAPTER_KINDS["task_analysis"].threshold),
        ),
    ),
    "execute_code": _outcome("pass_at_1", "answer_score"),
    "planning_dpo": _outcome("plan_success", "valid_plans"),
    # Section 6: tasks A2 to A22, by the call kind that each one answers.
    "precision_pass1": _binary(recall=0.8, precision=0.65),
    "precision_pass2": _binary(accuracy=0.75),
    "precision_pass3": _binary(accuracy=0.75),
    "similarity": _binary(recall=0.7, precision=0.7),
    "part_dependency": _binary(accuracy=0.8),
    "step_dependency": _binary(accuracy=0.8),
    "stage_routing": _binary(accuracy=0.75),
    "change_point_enum": _outcome("plan_success", answer_score=0.8),
    "part_grouping": _outcome("plan_success"),
    "symbol_targeting": _outcome("plan_success", answer_score=0.8),
    "step_design": _outcome("plan_success"),
    "implement": _outcome("pass_at_1", "answer_score"),
    "test_implement": _outcome("pass_at_1", "answer_score"),
    "adjustment": _outcome("plan_success"),
    "documentation": _outcome("pass_at_1", answer_score=0.8),
    "assembly_refilter": _outcome("pass_at_1"),
    # No adapters: what round gates and new bases are measured by.
    TOGETHER: _outcome("pass_at_1"),
    BASE_HALF: _outcome("pass_at_1"),
}


def rules_of(adapter_kind: str) -> KindRules:
    """What is measured of a kind.

    Raises:
        ValueError: No gate knows the kind.
    """
    if adapter_kind not in _RULES:
        raise ValueError(
            f"{adapter_kind}: no gate measures such a kind; expected one of {', '.join(_RULES)}: "
            "a new kind needs its row in cra_pipeline/gates/policy.py too"
        )
    return _RULES[adapter_kind]


@dataclass(frozen=True, slots=True, kw_only=True)
class GatePolicy:
    """Numbers of the gates of one kind of base.

    Attributes:
        significance: Of each one-sided test.
        draws: Of each bootstrap.
        seed: Of each bootstrap.
        smallest_effect: Gain in the primary metric that must be found, as a share: with
            ``least_tasks`` tasks it is found in four of five cases.
        least_tasks: Tasks that all arms were judged on, below which nothing is decided: the
            smallest from which on the gate keeps both promises, which stands in place of the
            strategy's set sizes (100 to 500). Measured by ``simulation`` on 400 adapters of each
            sort (discordance 0.2, base 30 %, half of the tasks of held-out repositories), promoted
            of those that gain nothing and of those that gain 10 points: 1.5 and 52.5 % on 100
            tasks, 0.75 and 75.3 % on 150, 0.5 and 79.3 % on 159, 0.75 and 80.3 % on 160, 0.25 and
            85.3 % on 180. A normal approximation of McNemar's test says 155; the exact test is
            more careful.
        least_per_class: Right answers of each class; Wilson gives 30 of them at most 18 points
            to each side.
        sampled_seeds: Seeds per task where a temperature is above 0; they are averaged.
        most_unjudged: Share of an arm's attempts that neither passed nor failed, above which
            nothing is decided.
        end_to_end_margin: How far end-to-end success may fall in a kind whose own metric is
            another one: the lower bound stays above minus this. As in Gate 2.
        forgetting_margin: The same for what is measured on held-out repositories alone.
        least_forgetting_tasks: Tasks of held-out repositories, below which nothing is decided.
        floors: (kind, metric, least value) in place of the house's, for bases that cannot reach
            those.
    """

    significance: float = SIGNIFICANCE
    draws: int = 10_000
    seed: int = 0
    smallest_effect: float = 0.1
    least_tasks: int = 160
    least_per_class: int = 30
    sampled_seeds: int = 3
    most_unjudged: float = 0.1
    end_to_end_margin: float = 0.1
    forgetting_margin: float = 0.1
    least_forgetting_tasks: int = 30
    floors: tuple[tuple[str, str, float], ...] = ()

    def floors_of(self, adapter_kind: str) -> tuple[tuple[str, float], ...]:
        """(metric, least value) of a kind, sorted."""
        own = {metric: least for kind, metric, least in self.floors if kind == adapter_kind}
        return tuple(sorted((dict(rules_of(adapter_kind).floors) | own).items()))

    def canonical_json(self, **more: object) -> str:
        """One line with sorted keys, as reports keep it."""
        return json.dumps(asdict(self) | more, sort_keys=True, separators=(",", ":"))


TINY = GatePolicy(
    smallest_effect=0.3,
    least_tasks=8,
    least_per_class=10,
    end_to_end_margin=1.0,
    forgetting_margin=0.3,
    least_forgetting_tasks=2,
    floors=(
        ("precision", "accuracy", 0.6),
        ("precision", "primary_recall", 0.6),
        ("scope", "accuracy", 0.5),
        ("scope", "relevant_recall", 0.6),
        ("task_analysis", "file_precision", 0.2),
        ("task_analysis", "file_recall", 0.3),
    ),
)
"""For the base that is made on the spot, random weights and all: it proves that the loop closes
and is never served to anybody. Its histories give few tasks, so only gains of 30 points count: on 8
tasks of 6 questions each, ``answer_simulation`` promotes 1 to 2 % of the adapters that gain nothing
and 90 % of those that gain 30 points. One question for a file in sixteen is a yes, and as
many yes as no were trained on: most of what such an adapter gets wrong are noes, so its accuracy is
held to half, and its balanced accuracy has to be above what constant answers have."""


def policy_of(role: str) -> GatePolicy:
    """Numbers for a base of a role (``BaseRecord.role``)."""
    return TINY if role == "tiny" else GatePolicy()


@dataclass(frozen=True, slots=True, kw_only=True)
class RoundPolicy:
    """Numbers of Gates 1 and 2 (strategy, section 12).

    Attributes:
        valid_plans: Least share of held-out commits with a valid plan, of each plan type.
        base_margin: How far end-to-end success of a tuned base may fall below the untuned one.
        least_tasks: Of Gate 2.
        least_passes: Tasks of Gate 2 that the new set solves.
        margin: How far end-to-end success of the new set may fall.
        adapter_half: Kinds that must have passed for the adapters of later tiers.
    """

    valid_plans: float = 0.8
    base_margin: float = 0.05
    least_tasks: int = 30
    least_passes: int = 5
    margin: float = 0.1
    adapter_half: tuple[str, ...] = ("execute_code", "scope")
    measured: GatePolicy = field(default_factory=GatePolicy)

    def of_base(self) -> GatePolicy:
        """Numbers for judging a tuned base: as for adapters, on as many tasks as Gate 2 asks."""
        return replace(self.measured, least_tasks=self.least_tasks)

    def canonical_json(self) -> str:
        """One line with sorted keys, as reports keep it."""
        return json.dumps(asdict(self), sort_keys=True, separators=(",", ":"))


def round_policy_of(role: str) -> RoundPolicy:
    """Numbers for a base of a role; the tiny base's few tasks are enough for it."""
    if role != "tiny":
        return RoundPolicy()
    return RoundPolicy(least_tasks=TINY.least_tasks, least_passes=1, margin=0.3, measured=TINY)
