"""The stand-in as an agent program."""

from __future__ import annotations

import sys
from pathlib import Path

from cra_pipeline.integrations.clean_room.program import AgentProgram


def stand_in_program() -> AgentProgram:
    """The stand-in, run by this project's own base interpreter."""
    folder = Path(__file__).parent
    return AgentProgram(
        name="stand-in agent",
        digest="stand-in",
        system_prompts={},
        interpreter=Path(sys.base_prefix),
        folders=(folder,),
        module="stand_in",
    )
