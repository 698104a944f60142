"""Names of agent backends and where each is found; nothing is imported before it is asked for."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from dataclasses import dataclass

from cra_pipeline.contracts.ports import AgentBackend
from cra_pipeline.contracts.tasks import TaskRow

BACKENDS = {
    "gold_patch": "cra_pipeline.integrations.agents.gold_patch:GoldPatch",
    "mutant": "cra_pipeline.integrations.agents.mutant:Mutant",
}
"""Agent's name to ``module:class``; a class takes one ``Oracle``."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Oracle:
    """What a backend may be built from; an honest agent looks at ``seed`` at most.

    Attributes:
        right_answer: Text of the changed files after the commit by path, deleted ones absent; the
            hidden tests of a task are never among them.
        most: Proposals wanted for a task at most.
        seed: Seeds the backend's draws.
    """

    right_answer: Callable[[TaskRow], dict[str, str]]
    most: int
    seed: int


def load_backend(name: str, oracle: Oracle) -> AgentBackend:
    """Import and build one backend.

    Raises:
        ValueError: No backend has this name.
    """
    if name not in BACKENDS:
        raise ValueError(f"no agent {name!r}: expected one of {', '.join(sorted(BACKENDS))}")
    module, _, attribute = BACKENDS[name].partition(":")
    backend: AgentBackend = getattr(importlib.import_module(module), attribute)(oracle)
    return backend
