"""What should serve, read from the workspace: adapters, bases, memory, and the layout of them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from cra_pipeline.contracts.serving import (
    InService,
    Routes,
    ServedAdapter,
    ServingLayout,
)
from cra_pipeline.contracts.workspace import Layout
from cra_pipeline.errors import GuardError, ModelError
from cra_pipeline.integrations.adapter_files import adapter_digest, read_adapter
from cra_pipeline.integrations.serving.figures import memory_bytes, standing_bases
from cra_pipeline.integrations.serving.line_up import Wanted
from cra_pipeline.integrations.serving.starting import ServerChoice
from cra_pipeline.serving.layout import LayoutPolicy, lay_out
from cra_pipeline.serving.routes import NOTHING, Beside, routes_of

Active = Callable[[Layout], InService]
"""What the ledger says serves; the registry's."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What should serve.

    Attributes:
        serving: What the ledger says.
        layout: Servers and their settings.
        adapters: In service and beside, by version.
        routes: Who answers what.
    """

    serving: InService
    layout: ServingLayout
    adapters: dict[str, ServedAdapter]
    routes: Routes

    def wanted(self, layout: Layout) -> Wanted:
        """The same as the line-up takes it."""
        return Wanted(
            groups=tuple(
                tuple(item.name for item in group.instances) for group in self.layout.groups
            ),
            folders={name: layout.adapter_version(name) for name in self.adapters},
            routes=self.routes,
        )


def plan(  # noqa: PLR0913  # one keyword for each thing that decides
    layout: Layout,
    serving: InService,
    choice: ServerChoice,
    *,
    beside: Beside = NOTHING,
    memory: int = 0,
    policy: LayoutPolicy | None = None,
) -> Plan:
    """What should serve on this machine.

    Args:
        layout: The workspace.
        serving: What the ledger says.
        choice: Which server.
        beside: Canaries and shadows.
        memory: Bytes; 0 for what the device has.
        policy: What a server needs.

    Raises:
        ModelError: It does not fit, or an adapter's base is not here; with the arithmetic.
        StoreError: A base cannot be read.
    """
    bases = standing_bases(layout, choice.precision)
    routes = routes_of(serving, bases, beside)
    adapters = (*serving.adapters, *beside.adapters)
    names = {instance for instance, _ in routes.models}
    if not names:
        raise ModelError(
            f"{layout.root}: nothing to serve: no base is imported: cra-pipeline base import"
        )
    served = [base for base in bases if base.base_id in names]
    try:
        found = lay_out(
            adapters, served, memory_bytes=memory or memory_bytes(choice.device), policy=policy
        )
    except ValueError as error:
        raise ModelError(f"{layout.root}: cannot be served: {error}") from error
    return Plan(
        serving=serving,
        layout=found,
        adapters={adapter.version: adapter for adapter in adapters},
        routes=routes,
    )


def vetted(folder: Path, adapters: Mapping[str, ServedAdapter]) -> None:
    """Refuse files that are not those of a version as the ledger knows it, or are not sound.

    Args:
        folder: ``Layout.adapter_version``.
        adapters: By version; with those that the ledger took out of service and that still answer.

    Raises:
        GuardError: As said, or the ledger knows no such version.
    """
    adapter = adapters.get(folder.name)
    if adapter is None:
        raise GuardError(
            f"{folder}: {folder.name} is no version that was to be served: only what the ledger "
            "put into service is loaded"
        )
    found, _ = adapter_digest(folder)
    if found != adapter.adapter_digest:
        raise GuardError(
            f"{folder}: holds adapter {found[:12]}, the ledger knows "
            f"{adapter.adapter_digest[:12]} as {adapter.version}: it was replaced; restore it, or "
            "roll the version back"
        )
    read_adapter(folder, base_digest=adapter.base_digest)
