"""The numbers of the harness keep to their proportions."""

from __future__ import annotations

import pytest

from cra_pipeline.cli.demo import PATIENCE
from cra_pipeline.contracts.sandbox import Limits
from cra_pipeline.harness.policy import AttemptPolicy, TaskPolicy


@pytest.mark.parametrize(
    "limits",
    [TaskPolicy().limits, AttemptPolicy().limits, Limits.model_validate(PATIENCE)],
)
def test_a_busy_machine_decides_no_verdict(limits: Limits) -> None:
    assert limits.wall_s >= 5 * limits.cpu_s
