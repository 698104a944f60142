"""An agent program as the sandbox starts it: an interpreter, folders of code, a module."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from cra_pipeline.errors import AgentError
from cra_pipeline.integrations.clean_room.installed import find_agent

_PLACES = """
import importlib.util, json, pathlib, sys, sysconfig
package = pathlib.Path(importlib.util.find_spec("clean_room_agent").submodule_search_locations[0])
site = sorted({sysconfig.get_path("purelib"), sysconfig.get_path("platlib")})
folders = list(dict.fromkeys([str(package.parent), *site]))
print(json.dumps({"prefix": sys.base_prefix, "folders": folders}))
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class AgentProgram:
    """The Clean Room Agent, or whatever speaks its protocol.

    Attributes:
        name: For people, such as ``clean-room-agent 0.1.0``.
        digest: SHA-256 over its code: part of what decides an attempt.
        system_prompts: Its system prompt by call kind.
        interpreter: Prefix of the Python that runs it, such as ``/usr``.
        folders: Where its module and what it needs are imported from, the module's own first.
        module: Started as ``python -m`` would.
    """

    name: str
    digest: str
    system_prompts: Mapping[str, str]
    interpreter: Path
    folders: tuple[Path, ...]
    module: str


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
