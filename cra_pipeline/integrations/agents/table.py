"""Names of agent backends and where each is found; nothing is imported before it is asked for."""

from __future__ import annotations

import importlib
from contextlib import AbstractContextManager

from cra_pipeline.contracts.ports import AgentBackend
from cra_pipeline.integrations.agents.supplies import Supplies

BACKENDS = {
    "clean_room": "cra_pipeline.integrations.agents.clean_room",
    "gold_patch": "cra_pipeline.integrations.agents.gold_patch",
    "mutant": "cra_pipeline.integrations.agents.mutant",
}
"""Agent's name to its module, whose ``opened`` takes ``Supplies`` and yields the backend."""


def opened_backend(name: str, supplies: Supplies) -> AbstractContextManager[AgentBackend]:
    """Import and build one backend; the block holds what it needs, such as a gateway.

    Raises:
        ValueError: No backend has this name.
        AgentError: Its program is not installed.
    """
    if name not in BACKENDS:
        raise ValueError(f"no agent {name!r}: expected one of {', '.join(sorted(BACKENDS))}")
    module = importlib.import_module(BACKENDS[name])
    opened: AbstractContextManager[AgentBackend] = module.opened(supplies)
    return opened
