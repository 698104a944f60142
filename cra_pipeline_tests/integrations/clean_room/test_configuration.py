"""The agent's configuration is whole, and says what the settings say."""

from __future__ import annotations

import tomllib
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cra_pipeline.contracts.agents import AgentSettings
from cra_pipeline.integrations.clean_room.configuration import TAGS, configuration

REQUIRED = (
    "models.provider",
    "models.base_url",
    "models.coding",
    "models.reasoning",
    "models.classifier",
    "models.context_window",
    "budget.context_window",
    "budget.reserved_tokens",
    "stages.default",
    "testing.test_command",
    "testing.timeout",
    "orchestrator.max_retries_per_step",
    "orchestrator.max_adjustment_rounds",
    "orchestrator.max_cumulative_diff_chars",
    "orchestrator.git_workflow",
    "orchestrator.documentation_pass",
    "orchestrator.scaffold_enabled",
    "orchestrator.scaffold_compiler",
    "orchestrator.scaffold_compiler_flags",
    "retrieval",
    "environment.coding_style",
)
"""Keys without which the agent ends with an error, as its contract lists them."""


def read(settings: AgentSettings, **changes: Any) -> dict[str, Any]:  # noqa: ANN401  # keywords
    told = {"port": 11434, "temperature": 0.0, "test_timeout_s": 300} | changes
    return tomllib.loads(configuration(settings, **told))


@pytest.mark.parametrize("key", REQUIRED)
def test_every_key_that_the_agent_needs_is_there(key: str) -> None:
    found: Any = read(AgentSettings(name="any"))
    for part in key.split("."):
        assert part in found
        found = found[part]

    assert found != ""


def test_the_model_server_is_on_loopback_without_a_trailing_slash() -> None:
    models = read(AgentSettings(name="any"), port=4711)["models"]

    assert models["base_url"] == "http://127.0.0.1:4711"
    assert {role: models[role] for role in TAGS} == TAGS


@given(st.floats(0, 2), st.integers(1, 9999))
def test_the_temperature_holds_for_all_roles(temperature: float, timeout: int) -> None:
    found = read(AgentSettings(name="any"), temperature=temperature, test_timeout_s=timeout)

    assert found["models"]["temperature"] == dict.fromkeys(TAGS, temperature)
    assert found["testing"] == {"test_command": "pytest", "timeout": timeout}


def test_switches_of_the_settings_reach_the_agent() -> None:
    settings = AgentSettings(
        name="all",
        context_window=4096,
        reserved_tokens=1700,
        max_diff_chars=99,
        stages=("scope", "precision", "similarity"),
        decomposed=True,
        binary_grouping=True,
        adjustment_rounds=3,
        documentation=True,
        max_files=(1, 2, 3),
        max_keywords=4,
    )
    found = read(settings)

    assert found["stages"]["default"] == "scope,precision,similarity"
    assert found["budget"] == {"context_window": 4096, "reserved_tokens": 1700}
    assert found["retrieval"] == {
        "max_deps": 1, "max_co_changes": 2, "max_metadata": 3, "max_keywords": 4,
    }  # fmt: skip
    assert found["orchestrator"]["decomposed_planning"] is True
    assert found["orchestrator"]["decomposed_part_grouping"] is True
    assert found["orchestrator"]["max_adjustment_rounds"] == 3
    assert found["orchestrator"]["documentation_pass"] is True
    assert found["orchestrator"]["max_cumulative_diff_chars"] == 99


def test_a_failed_step_is_not_asked_for_again() -> None:
    found = read(AgentSettings(name="any"))["orchestrator"]

    assert (found["max_retries_per_step"], found["max_retries_per_test_step"]) == (0, 0)
