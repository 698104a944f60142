"""Which agent is installed, and the system prompts by which its calls are told apart.

The agent is a separate program with an environment of its own. Its texts are read from it each
time by a subprocess of its interpreter, and never copied.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, ValidationError

from cra_pipeline.errors import AgentError
from cra_pipeline.integrations.clean_room import prompt_probe
from cra_pipeline.kinds import CALL_KINDS, CallKind

AGENT_VARIABLE = "CRA_PIPELINE_AGENT_PYTHON"
SUPPORTED = "0.1.0"
INSTALL = (
    "git clone https://github.com/TomSadeh/clean-room-agent; python3 -m venv agent-env; "
    "agent-env/bin/pip install -e ./clean-room-agent; "
    f"export {AGENT_VARIABLE}=$PWD/agent-env/bin/python"
)
"""How the agent is installed; editable, because its wheel lacks a package."""

_PROBE_S = 60.0
_PROBE = Path(prompt_probe.__file__)


@dataclass(frozen=True, slots=True, kw_only=True)
class AgentProgram:
    """An installed agent that this pipeline understands.

    Attributes:
        python: Interpreter of its environment, not followed where it is a link.
        version: Of the distribution.
        digest: SHA-256 over the package's files: two agents with one digest prompt alike.
        system_prompts: Text by call kind; all of ``CALL_KINDS``.
        other_prompts: SHA-256 by source of prompts that no call kind lists, such as those for C.
    """

    python: Path
    version: str
    digest: str
    system_prompts: Mapping[str, str]
    other_prompts: Mapping[str, str]

    def kinds_by_system(self) -> dict[str, CallKind]:
        """What the gateway tells calls apart by."""
        return {text: CALL_KINDS[name] for name, text in self.system_prompts.items()}


@dataclass(frozen=True, slots=True, kw_only=True)
class AgentState:
    """A row for ``doctor``; without the agent only work with the agent is hindered."""

    state: Literal["works", "weak"]
    found: str
    remedy: str


class UnfitAgentError(AgentError):
    """The agent cannot be used; says what was found and what to do."""

    def __init__(self, found: str, remedy: str = INSTALL) -> None:
        super().__init__(f"{found}: {remedy}")
        self.found = found
        self.remedy = remedy


class _Reply(BaseModel):
    model_config = ConfigDict(strict=True, extra="forbid")

    version: str | None
    digest: str = ""
    prompts: dict[str, str] = {}
    missing: dict[str, str] = {}
    others: dict[str, str] = {}


def agent_state(environ: Mapping[str, str]) -> AgentState:
    """Whether the agent is there and fit."""
    try:
        agent = find_agent(environ)
    except UnfitAgentError as error:
        return AgentState(state="weak", found=error.found, remedy=error.remedy)
    found = f"{agent.version} of {agent.python}, {len(agent.system_prompts)} call kinds"
    return AgentState(state="works", found=found, remedy="")


def find_agent(environ: Mapping[str, str], *, timeout_s: float = _PROBE_S) -> AgentProgram:
    """Look at the agent that ``CRA_PIPELINE_AGENT_PYTHON`` names.

    Args:
        environ: Holds the setting.
        timeout_s: For its interpreter to import it.

    Raises:
        UnfitAgentError: It is not named, not there, of another version, lacks a prompt, or two of
            its prompts are equal.
    """
    named = environ.get(AGENT_VARIABLE, "")
    if not named:
        raise UnfitAgentError(f"{AGENT_VARIABLE} is not set, so no agent is known")
    # The link is what makes an environment: its target is the bare interpreter.
    python = Path(named).expanduser().absolute()
    if not python.is_file():
        raise UnfitAgentError(f"{AGENT_VARIABLE} names {python}, where no file is")
    reply = _reply(python, _probe(python, timeout_s))
    _require_fit(python, reply)
    prompts = {kind.name: reply.prompts[kind.source] for kind in CALL_KINDS.values()}
    return AgentProgram(
        python=python,
        version=reply.version or "",
        digest=reply.digest,
        system_prompts=prompts,
        other_prompts=reply.others,
    )


def _require_fit(python: Path, reply: _Reply) -> None:
    if reply.version is None:
        raise UnfitAgentError(f"{prompt_probe.DISTRIBUTION} is not installed for {python}")
    if reply.version != SUPPORTED:
        raise UnfitAgentError(
            f"{python}: {prompt_probe.DISTRIBUTION} {reply.version}; expected {SUPPORTED}"
        )
    for source, reason in reply.missing.items():
        raise UnfitAgentError(
            f"{python}: the agent holds no system prompt at {source} ({reason}); expected that of "
            f"version {SUPPORTED}"
        )
    texts: dict[str, str] = {}
    for source, text in reply.prompts.items():
        other = texts.setdefault(text, source)
        if other != source:
            raise UnfitAgentError(
                f"{python}: {other} and {source} hold one text, so that their calls look alike; "
                f"expected the prompts of version {SUPPORTED}"
            )


def _reply(python: Path, output: bytes) -> _Reply:
    try:
        return _Reply.model_validate_json(output)
    except ValidationError as error:
        raise UnfitAgentError(
            f"{AGENT_VARIABLE} names {python}, which is no Python interpreter: it printed "
            f"{output[:80]!r}, expected one JSON object"
        ) from error


def _probe(python: Path, timeout_s: float) -> bytes:
    """Standard output of the probe; the whole family of a process that hangs is ended."""
    # Isolated: neither the caller's variables nor its folder may decide what is imported. The
    # editable install works by a file in the environment itself.
    command = [str(python), "-I", "-B", str(_PROBE)]
    sources = json.dumps([kind.source for kind in CALL_KINDS.values()]).encode()
    try:
        process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env={"PATH": os.defpath},
            start_new_session=True,
        )
    except OSError as error:
        raise UnfitAgentError(
            f"{AGENT_VARIABLE} names {python}, which is no Python interpreter ({error.strerror})"
        ) from error
    with process:
        try:
            output, errors = process.communicate(sources, timeout=timeout_s)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.communicate()
            raise UnfitAgentError(
                f"{python}: did not import the agent in {timeout_s:g} s"
            ) from None
    if process.returncode:
        last = errors.decode(errors="replace").strip().splitlines()[-1:] or ["no message"]
        raise UnfitAgentError(f"{python}: ended with status {process.returncode}: {last[0]}")
    return output
