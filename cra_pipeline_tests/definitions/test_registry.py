"""The registry as Dagster runs it."""

from __future__ import annotations

import dagster as dg
import pytest

from cra_pipeline.contracts.workspace import Layout
from cra_pipeline.definitions.registry import active_version_is_gated, registry_entry
from cra_pipeline.definitions.resources import Workspace
from cra_pipeline.registry.stage.promoting import promote
from cra_pipeline.registry.stage.registering import register
from cra_pipeline_tests.registry.databases import active
from cra_pipeline_tests.registry.worlds import World, vet

pytestmark = pytest.mark.slow


def run(layout: Layout, *, raising: bool = True) -> dg.ExecuteInProcessResult:
    """Materialise one cell with its check."""
    return dg.materialize(
        [registry_entry, active_version_is_gated],
        partition_key="scope|r01",
        resources={"workspace": Workspace(home=str(layout.root))},
        raise_on_error=raising,
    )


def test_the_asset_promotes_and_its_check_takes_an_override_back(layout: Layout) -> None:
    world = World(layout=layout)
    world.gated()
    register(layout, "scope", "r01", vet=vet)

    result = run(layout)

    assert active(layout) == "scope-v1"
    (check,) = result.get_asset_check_evaluations()
    assert check.passed
    metadata = result.asset_materializations_for_node("registry_entry")[0].metadata
    assert metadata["dagster/row_count"].value == 3

    world.gated("scope", "r02", decision="failed")
    register(layout, "scope", "r02", vet=vet)
    promote(layout, "scope", "scope-v2", override="ada: just once")
    (check,) = run(layout, raising=False).get_asset_check_evaluations()
    assert not check.passed
    assert "scope-v2 was rolled back to scope-v1" in str(check.description)
    assert active(layout) == "scope-v1"


def test_what_is_not_gated_fails_with_the_command_that_comes_first(layout: Layout) -> None:
    World(layout=layout).adapter("scope", "r01")

    result = run(layout, raising=False)

    assert not result.success
    (event,) = result.get_step_failure_events()
    failure = event.step_failure_data.user_failure_data
    assert failure is not None
    assert "run: cra-pipeline run gate_report --kind scope --round r01" in str(failure.description)
