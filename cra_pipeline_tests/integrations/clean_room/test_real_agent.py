"""The agent itself, on the stand-in's task: what holds for one has to hold for the other."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import pytest

from cra_pipeline.contracts.agents import AgentSettings
from cra_pipeline.integrations.clean_room.installed import AGENT_VARIABLE
from cra_pipeline.integrations.clean_room.program import AgentProgram
from cra_pipeline.integrations.clean_room.programs import installed_program
from cra_pipeline.integrations.clean_room.stand_in_program import stand_in_program
from cra_pipeline_tests.integrations.clean_room.beds import make_bed

pytestmark = pytest.mark.agent

CONFIGURATIONS = (
    AgentSettings(name="monolithic", adjustment_rounds=3, documentation=True),
    AgentSettings(name="decomposed", decomposed=True),
    AgentSettings(name="pairwise", decomposed=True, binary_grouping=True),
)


@pytest.fixture(scope="module")
def program() -> AgentProgram:
    if not os.environ.get(AGENT_VARIABLE):
        pytest.skip(f"{AGENT_VARIABLE} names no agent")
    return installed_program(os.environ)


@pytest.mark.slow
@pytest.mark.parametrize("settings", CONFIGURATIONS, ids=lambda settings: str(settings.name))
def test_the_agent_reproduces_what_the_stand_in_does(
    program: AgentProgram, tmp_path: Path, env_folder: Path, settings: AgentSettings
) -> None:
    bed = replace(make_bed(tmp_path, env_folder), settings=settings)
    run, other = (bed.with_program(each).attempt(each.name) for each in (program, bed.program))

    assert (run.outcome, run.status, run.withheld) == (None, "complete", "")
    assert (run.reproduced, run.usable, run.shortfall) == (True, True, "")
    assert run.proposal == other.proposal
    # They look for files in ways of their own, so these few need not occur with both.
    kinds, others = ({call.call_kind for call in each.calls} for each in (run, other))
    assert kinds ^ others <= {"scope", "precision_pass3", "similarity", "step_dependency"}


def test_no_prompt_of_the_stand_in_is_the_agent_s(program: AgentProgram) -> None:
    ours = set(stand_in_program().system_prompts.values())

    assert not ours & set(program.system_prompts.values())
