"""Names of versions and the agent's names for what they serve."""

from __future__ import annotations

import pytest

from cra_pipeline.kinds import ADAPTER_KINDS
from cra_pipeline.registry.versions import parts_of, role_of, stages_of, version_name


@pytest.mark.parametrize("kind", ADAPTER_KINDS)
def test_names_are_taken_apart_as_they_were_made(kind: str) -> None:
    assert parts_of(version_name(kind, 12)) == (kind, 12)


@pytest.mark.parametrize("name", ["scope", "scope-v0", "scope-v01", "Scope-v1", "scope-v1 ", ""])
def test_other_names_are_refused(name: str) -> None:
    with pytest.raises(ValueError, match="expected kind-vN"):
        parts_of(name)


def test_no_stage_of_the_agent_is_served_by_two_kinds() -> None:
    stages = [stage for kind in ADAPTER_KINDS for stage in stages_of(kind)]

    assert len(stages) == len(set(stages))


def test_roles_are_the_agents() -> None:
    assert {kind: role_of(kind) for kind in ADAPTER_KINDS} == {
        "scope": "classifier",
        "execute_code": "coding",
        "precision": "reasoning",
        "task_analysis": "reasoning",
        "planning_dpo": "reasoning",
    }
    with pytest.raises(ValueError, match="'colour' is no adapter kind"):
        role_of("colour")
