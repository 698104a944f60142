"""The deployment as Dagster runs it; that servers really start is tested beside the stage."""

from __future__ import annotations

import dagster as dg
import pytest

from cra_pipeline.contracts.workspace import Layout
from cra_pipeline.definitions.resources import Workspace
from cra_pipeline.definitions.serving import deployment, deployment_serves_what_was_gated

pytestmark = pytest.mark.slow


def run(layout: Layout, config: dict[str, object]) -> str:
    """Why a deployment fails."""
    result = dg.materialize(
        [deployment, deployment_serves_what_was_gated],
        partition_key="r01",
        resources={"workspace": Workspace(home=str(layout.root))},
        run_config={"ops": {"deployment": {"config": config}}},
        raise_on_error=False,
    )
    (event,) = result.get_step_failure_events()
    failure = event.step_failure_data.user_failure_data
    assert failure is not None
    return str(failure.description)


def test_a_deployment_says_what_it_lacks(layout: Layout) -> None:
    assert "no base is imported" in run(layout, {})
    assert "'bert' is no model server" in run(layout, {"server": "bert"})
    assert "'int3': expected one of float32, bfloat16" in run(layout, {"precision": "int3"})


def test_it_is_made_after_all_entries_of_its_round() -> None:
    assert {key.to_user_string() for key in deployment.dependency_keys} == {"registry_entry"}
