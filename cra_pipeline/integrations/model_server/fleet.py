"""Servers as they are wanted: one for each base, started with the first question to it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from cra_pipeline.contracts.ports import ModelServer
from cra_pipeline.contracts.workspace import Layout
from cra_pipeline.integrations.adapter_files import read_adapter
from cra_pipeline.integrations.bases import model_folder, verify_base
from cra_pipeline.integrations.model_server.policy import ServerPolicy
from cra_pipeline.integrations.model_server.process import ServedBase, running_server


class Fleet(Protocol):
    """Whoever serves bases and adapters."""

    @property
    def served_as(self) -> str:
        """Precision of the served form, known before anything is served."""
        ...

    def address(self, base_id: str, adapter: Path | None) -> tuple[str, str]:
        """Base URL of a server, and the name under which it serves what is asked for.

        Args:
            base_id: Of a base of the workspace.
            adapter: Folder of a finished adapter on it; None for the base itself.

        Raises:
            GuardError: Base or adapter are not those that were frozen and trained.
            ModelError: The server cannot be started, or refuses the adapter.
        """
        ...


@dataclass(slots=True)
class TransformersFleet:
    """Plain servers of this machine; used by one thread.

    Attributes:
        layout: Holds the bases.
        policy: Of every server.
    """

    layout: Layout
    policy: ServerPolicy
    _stack: ExitStack
    _servers: dict[str, ModelServer] = field(default_factory=dict)

    @property
    def served_as(self) -> str:
        """Of every server."""
        return self.policy.precision

    def address(self, base_id: str, adapter: Path | None) -> tuple[str, str]:
        """As ``Fleet`` says; an adapter is vetted each time before it is asked for.

        Raises:
            GuardError: Base or adapter are not those that were frozen and trained.
            ModelError: The server cannot be started, or refuses the adapter.
            StoreError: There is no such base.
        """
        server = self._server(base_id)
        if adapter is None:
            return server.base_url, base_id
        base_digest = verify_base(self.layout, base_id).content_id
        manifest = read_adapter(adapter, base_digest=base_digest)
        # By content: the name says which files answered, whatever becomes of the folder.
        name = f"{manifest.adapter_kind}-{manifest.adapter_digest[:16]}"
        if name not in server.models():
            server.load(name, adapter)
        return server.base_url, name

    def _server(self, base_id: str) -> ModelServer:
        if base_id not in self._servers:
            base = verify_base(self.layout, base_id)
            served = ServedBase(
                name=base_id, folder=model_folder(self.layout, base_id), window=base.window
            )
            self._servers[base_id] = self._stack.enter_context(
                running_server(self.layout, served, policy=self.policy)
            )
        return self._servers[base_id]


@contextmanager
def transformers_fleet(layout: Layout, policy: ServerPolicy | None = None) -> Iterator[Fleet]:
    """Plain servers for the time of the block; none is started before it is wanted."""
    with ExitStack() as stack:
        yield TransformersFleet(layout, policy or ServerPolicy(), stack)
