"""The stand-in as an agent program."""

from __future__ import annotations

import hashlib
import sys
from pathlib import Path

from cra_pipeline.integrations.clean_room.program import AgentProgram
from cra_pipeline.integrations.clean_room.stand_in.prompts import SYSTEM_PROMPTS
from cra_pipeline.kinds import CALL_KINDS

_MODULE = "stand_in"


def stand_in_program() -> AgentProgram:
    """The stand-in, run by this project's own base interpreter."""
    folder = Path(__file__).parent
    return AgentProgram(
        name="stand-in agent",
        digest=_digest(folder / _MODULE),
        system_prompts={kind: SYSTEM_PROMPTS[kind] for kind in CALL_KINDS},
        interpreter=Path(sys.base_prefix),
        folders=(folder,),
        module=_MODULE,
    )


def _digest(folder: Path) -> str:
    """SHA-256 over names and content of its source files."""
    digest = hashlib.sha256()
    for file in sorted(folder.glob("*.py")):
        content = file.read_bytes()
        digest.update(f"{file.name} {len(content)}\n".encode())
        digest.update(content)
    return digest.hexdigest()
