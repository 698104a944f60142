"""The numbers: all there, and the same as elsewhere in the house."""

from __future__ import annotations

import pytest

from cra_pipeline.gates.case import call_kinds_of
from cra_pipeline.gates.metrics import METRICS, OF_FORM
from cra_pipeline.gates.policy import TINY, GatePolicy, RoundPolicy, policy_of, rules_of
from cra_pipeline.kinds import ADAPTER_KINDS, CALL_KINDS


@pytest.mark.parametrize("kind", ADAPTER_KINDS)
def test_every_kind_has_the_floor_that_its_row_names(kind: str) -> None:
    row, rules = ADAPTER_KINDS[kind], rules_of(kind)

    assert dict(rules.floors).get(row.metric, 0.0) == row.threshold
    assert row.threshold or rules.primary == row.metric
    assert call_kinds_of(kind)


@pytest.mark.parametrize("kind", ADAPTER_KINDS)
def test_every_metric_that_is_named_can_be_measured(kind: str) -> None:
    rules = rules_of(kind)

    assert {rules.primary, *dict(rules.floors), *rules.secondary} <= METRICS.keys()
    assert {*OF_FORM[rules.form]} <= METRICS.keys()


@pytest.mark.parametrize(
    ("kind", "floors"),
    [
        ("task_analysis", {"file_recall": 0.8, "file_precision": 0.6}),
        ("scope", {"accuracy": 0.75, "relevant_recall": 0.85}),
        ("precision", {"accuracy": 0.7, "primary_recall": 0.8}),
        ("execute_code", {}),
        ("precision_pass1", {"recall": 0.8, "precision": 0.65}),
        ("precision_pass3", {"accuracy": 0.75}),
        ("similarity", {"recall": 0.7, "precision": 0.7}),
        ("part_dependency", {"accuracy": 0.8}),
    ],
)
def test_floors_are_those_of_the_strategy(kind: str, floors: dict[str, float]) -> None:
    assert dict(GatePolicy().floors_of(kind)) == floors


def test_finer_kinds_answer_the_call_of_their_name() -> None:
    assert call_kinds_of("precision_pass2") == ("precision_pass2",)
    assert "precision_pass2" in CALL_KINDS


def test_the_tiny_base_has_thresholds_of_its_own() -> None:
    assert policy_of("tiny") == TINY
    assert policy_of("reasoning") == GatePolicy()
    assert TINY.smallest_effect == 0.3
    assert dict(TINY.floors_of("scope")) == {"accuracy": 0.5, "relevant_recall": 0.6}


def test_gate_2_has_the_numbers_of_the_strategy() -> None:
    policy = RoundPolicy()

    assert (policy.least_tasks, policy.least_passes, policy.margin) == (30, 5, 0.1)
    assert (policy.valid_plans, policy.base_margin) == (0.8, 0.05)


def test_a_kind_that_no_gate_knows_is_refused() -> None:
    with pytest.raises(ValueError, match="needs its row in"):
        rules_of("poetry")
