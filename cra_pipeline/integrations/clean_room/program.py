"""An agent program as the sandbox starts it: an interpreter, folders of code, a module."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path


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
