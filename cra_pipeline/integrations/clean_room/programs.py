"""Which agent program there is: the one installed, or its stand-in."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Mapping
from pathlib import Path

from cra_pipeline.errors import AgentError
from cra_pipeline.integrations.clean_room.installed import AGENT_VARIABLE, find_agent
from cra_pipeline.integrations.clean_room.program import AgentProgram
from cra_pipeline.integrations.clean_room.stand_in_program import stand_in_program

_PLACES = """
import importlib.util, json, pathlib, sys, sysconfig
package = pathlib.Path(importlib.util.find_spec("clean_room_agent").submodule_search_locations[0])
site = sorted({sysconfig.get_path("purelib"), sysconfig.get_path("platlib")})
folders = list(dict.fromkeys([str(package.parent), *site]))
print(json.dumps({"prefix": sys.base_prefix, "folders": folders}))
"""


def installed_program(environ: Mapping[str, str]) -> AgentProgram:
    """The agent that the environment names.

    Raises:
        AgentError: It is missing, unfit, or its folders cannot be found.
    """
    found = find_agent(environ)
    told = subprocess.run(
        [str(found.python), "-I", "-c", _PLACES], capture_output=True, check=False, timeout=60.0
    )
    try:
        places = json.loads(told.stdout)
        prefix, folders = Path(places["prefix"]), [Path(place) for place in places["folders"]]
    except (ValueError, KeyError, TypeError) as error:
        raise AgentError(
            f"{found.python}: does not say where it imports from: {told.stderr[-300:]!r}; run "
            "cra-pipeline doctor"
        ) from error
    return AgentProgram(
        name=f"clean-room-agent {found.version}",
        digest=found.digest,
        system_prompts=found.system_prompts,
        interpreter=prefix,
        folders=tuple(folders),
        module="clean_room_agent",
    )


def campaign_program(digest: str, environ: Mapping[str, str]) -> AgentProgram:
    """The program with which a campaign began.

    Args:
        digest: Of the campaign.
        environ: Names the installed agent.

    Raises:
        AgentError: It is not there, or is another one by now.
    """
    stand_in = stand_in_program()
    if digest == stand_in.digest:
        return stand_in
    program = installed_program(environ)
    if program.digest != digest:
        raise AgentError(
            f"{program.name}: its code has the digest {program.digest[:12]}, the campaign began "
            f"with {digest[:12]}: begin a new campaign, or install that version again"
        )
    return program


def any_program(environ: Mapping[str, str]) -> AgentProgram:
    """The installed agent, or its stand-in where none is named.

    Raises:
        AgentError: One is named that cannot be used.
    """
    return installed_program(environ) if environ.get(AGENT_VARIABLE) else stand_in_program()
