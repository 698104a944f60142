"""The big model servers on this machine: made once, in folders of their own, the stamp last.

``<workspace>/servers/<name>/`` holds a program that is no part of this project's environment;
``CRA_PIPELINE_SERVERS`` names another folder of the same shape, for several workspaces together.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from cra_pipeline.contracts.workspace import Layout
from cra_pipeline.errors import EnvironmentBuildError, ModelError
from cra_pipeline.integrations.files import write_bytes
from cra_pipeline.integrations.model_server.setting_up import SetUp, held_by_one

SERVERS_VARIABLE = "CRA_PIPELINE_SERVERS"
_STAMP = "installed.json"

ServerName = Literal["vllm", "llama_server"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Installed:
    """A server that is there.

    Attributes:
        folder: Its own.
        version: As it tells itself.
    """

    folder: Path
    version: str


def _vllm(set_up: SetUp) -> str:
    from cra_pipeline.integrations.model_server.vllm_setup import set_up_vllm

    return set_up_vllm(set_up)


def _llama_server(set_up: SetUp) -> str:
    from cra_pipeline.integrations.model_server.llama_setup import set_up_llama_server

    return set_up_llama_server(set_up)


SET_UPS: Mapping[ServerName, Callable[[SetUp], str]] = {
    "vllm": _vllm,
    "llama_server": _llama_server,
}
"""By name; each makes what lacks in a folder and gives the version that it found there."""


def server_folder(layout: Layout, name: ServerName, environ: Mapping[str, str]) -> Path:
    """Where a server lies, or would."""
    elsewhere = environ.get(SERVERS_VARIABLE)
    return (Path(elsewhere).resolve() if elsewhere else layout.root / "servers") / name


def installed(layout: Layout, name: ServerName) -> Installed:
    """A server that was installed to its end.

    Raises:
        ModelError: It was not; the message has the command.
    """
    folder = server_folder(layout, name, os.environ)
    try:
        told = json.loads((folder / _STAMP).read_bytes())
        return Installed(folder=folder, version=str(told["version"]))
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ModelError(
            f"{folder}: {name} is not installed, or not to the end: run `cra-pipeline serve "
            f"--install {name}`"
        ) from error


def install(
    layout: Layout, name: ServerName, told: Callable[[str], None] = lambda _: None
) -> Installed:
    """Make what lacks of a server; one that is there is left alone, and its stamp read.

    An interrupted installation is taken up where it was: what was downloaded or built stays.

    Args:
        layout: The workspace.
        name: Of the server.
        told: Hears what is done, one line at each step.

    Raises:
        EnvironmentBuildError: The network, a compiler or the disk failed; the message has the
            step and its last words, and the next run goes on from there.
        BusyError: Another process installs it.
    """
    folder = server_folder(layout, name, os.environ)
    with held_by_one(folder):
        try:
            return installed(layout, name)
        except ModelError:
            version = _made(SetUp(folder=folder, told=told), name)
        stamp = json.dumps({"name": name, "version": version}, sort_keys=True)
        write_bytes(folder / _STAMP, (stamp + "\n").encode())
    return installed(layout, name)


def _made(set_up: SetUp, name: ServerName) -> str:
    try:
        return SET_UPS[name](set_up)
    except OSError as error:
        raise EnvironmentBuildError(
            f"{set_up.folder}: {name} could not be installed ({error}): free disk space or mend "
            "the folder's rights, then run the same command again"
        ) from error
