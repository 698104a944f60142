"""The numbers of the harness keep to their proportions."""

from __future__ import annotations

import pytest

from cra_pipeline.cli.demo import PATIENCE
from cra_pipeline.contracts.sandbox import Limits
from cra_pipeline.harness.policy import AttemptPolicy, TaskPolicy
from cra_pipeline.integrations.agents import clean_room


@pytest.mark.parametrize(
    "limits",
    [
        TaskPolicy().limits,
        AttemptPolicy().limits,
        Limits.model_validate(PATIENCE),
        clean_room.TEST_LIMITS,
    ],
)
def test_a_busy_machine_decides_no_verdict(limits: Limits) -> None:
    assert limits.wall_s >= 5 * limits.cpu_s


@pytest.mark.parametrize("limits", [AttemptPolicy().limits, clean_room.TEST_LIMITS])
def test_what_gold_needed_for_its_proof_an_attempt_may_use_too(limits: Limits) -> None:
    assert limits.cpu_s >= 1.5 * TaskPolicy().limits.cpu_s
    assert limits.memory_mb >= TaskPolicy().limits.memory_mb
