"""``serve`` without a base: the registry's versions in service, behind the agent's own protocol."""

from __future__ import annotations

import asyncio
import contextlib
import os
import resource
import signal
import socket
from collections.abc import Coroutine, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from cra_pipeline.contracts.workspace import Layout
from cra_pipeline.integrations.home import current_layout
from cra_pipeline.kinds import ADAPTER_KINDS

if TYPE_CHECKING:
    from cra_pipeline.contracts.serving import ServedAdapter
    from cra_pipeline.serving.routes import Beside
    from cra_pipeline.serving.stage.running import Serving, Terms

MOST_CLIENTS = 2048
"""Connections at once; the agent uses one for each solve."""


def serve_registry(  # noqa: PLR0913  # one for each option
    *,
    server: str,
    canaries: tuple[str, ...],
    shadows: tuple[str, ...],
    memory: float,
    port: int,
    log: Path | None,
    token_file: Path | None,
    precision: str,
    device: str,
    other_form: bool,
) -> None:
    """Serve what the registry says until interrupted."""
    from cra_pipeline.integrations.files import partition_lock
    from cra_pipeline.integrations.gateway.listening import listen_loopback
    from cra_pipeline.integrations.gateway.token import obtain_token
    from cra_pipeline.serving.stage.options import terms_of

    layout = current_layout()
    terms = replace(
        terms_of(server, precision, device, memory, _beside(layout, canaries, shadows)),
        other_form=other_form,
    )
    folder = layout.root / "serving"
    token_path = token_file or folder / "token"
    place = Place(
        token=obtain_token(token_path), token_path=token_path, log=log or folder / "calls.jsonl"
    )
    _allow_many_files()
    # One at a time: the log has one writer. It also sweeps what a killed one left.
    with partition_lock(layout, "serving", "registry"), listen_loopback(port) as listening:
        asyncio.run(_serve(layout, terms, place, listening))
    click.echo("ended")


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where clients come in.

    Attributes:
        token: Wanted of every client.
        token_path: Where it is kept.
        log: Request log.
    """

    token: str
    token_path: Path
    log: Path


async def _serve(layout: Layout, terms: Terms, place: Place, listening: socket.socket) -> None:
    from cra_pipeline.integrations.clean_room.programs import any_program
    from cra_pipeline.integrations.gateway.policy import GatewayPolicy
    from cra_pipeline.integrations.gateway.server import Gateway
    from cra_pipeline.kinds import CALL_KINDS
    from cra_pipeline.registry.stage.in_service import in_service, mark
    from cra_pipeline.serving.stage.running import Serving

    ended = _interruption()
    program = any_program(os.environ)
    kinds = {text: CALL_KINDS[name] for name, text in program.system_prompts.items()}
    serving = Serving(layout, in_service, roll_back, terms=terms, told=_tell)
    policy = GatewayPolicy(service_connections=MOST_CLIENTS)
    gateway = Gateway(serving.responder, kinds, policy=policy)
    await gateway.start()
    try:
        seen = mark(layout)
        if not await _finished(serving.refresh(), ended):
            return
        await gateway.open_service(listening, place.log, token=place.token)
        _announce(listening, place, program.name, serving)
        await _finished(serving.follow(lambda: mark(layout), seen=seen), ended)
    finally:
        await gateway.stop()
        await serving.close()


async def _finished(work: Coroutine[Any, Any, object], ended: asyncio.Event) -> bool:
    """Whether work came to its end before the interruption, which cancels it."""
    task, end = asyncio.ensure_future(work), asyncio.ensure_future(ended.wait())
    await asyncio.wait([task, end], return_when=asyncio.FIRST_COMPLETED)
    end.cancel()
    if task.done():
        task.result()
        return True
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task
    return False


def roll_back(version: str, reason: str) -> bool:
    """Take a version out of service whose requests fail; False where it does not serve.

    Raises:
        RegistryError: The ledger does not know it, or the one before is no longer whole.
        StoreError: A database or the ledger cannot be written.
    """
    from cra_pipeline.registry.stage.promoting import roll_back_regressed

    failing = Failing(version=version, reason=f"in service, {reason}")
    return roll_back_regressed(current_layout(), failing) is not None


@dataclass(frozen=True, slots=True, kw_only=True)
class Failing:
    """A version in service and what is wrong with it."""

    version: str
    reason: str


def _beside(layout: Layout, canaries: Sequence[str], shadows: Sequence[str]) -> Beside:
    from cra_pipeline.serving.routes import Beside

    found = [_canary(layout, text) for text in canaries]
    return Beside(
        canaries={adapter.adapter_kind: (adapter, share) for adapter, share in found},
        shadows={
            adapter.adapter_kind: adapter
            for adapter in (_version(layout, text, "--shadow") for text in shadows)
        },
    )


def _canary(layout: Layout, text: str) -> tuple[ServedAdapter, float]:
    named, _, share = text.rpartition(":")
    try:
        part = float(share)
    except ValueError:
        part = 0.0
    if not 0 < part <= 1:
        raise click.UsageError(
            f"--canary {text}: expected KIND=VERSION:SHARE, SHARE above 0 and at most 1, such as "
            "scope=scope-v4:0.1"
        )
    return _version(layout, named, "--canary"), part


def _version(layout: Layout, text: str, option: str) -> ServedAdapter:
    from cra_pipeline.registry.stage.in_service import registered

    kind, _, version = text.partition("=")
    if kind not in ADAPTER_KINDS or not version.startswith(f"{kind}-v"):
        raise click.UsageError(
            f"{option} {text}: expected KIND=VERSION, such as scope=scope-v4, KIND one of "
            f"{', '.join(ADAPTER_KINDS)}"
        )
    return registered(layout, version)


def _announce(listening: socket.socket, place: Place, agent: str, serving: Serving) -> None:
    """The address, where the token is, and what serves; never the token."""
    host, port = listening.getsockname()[:2]
    address = f"http://{host}:{port}"
    click.echo(f"listening on {address}, requests are logged in {place.log}")
    click.echo(f'for {agent}; its base_url: "{address}/$(cat {place.token_path})"')
    click.echo(f'for clients of OpenAI: base_url "{address}/v1", the same token as their key')
    for line in serving.plan.layout.arithmetic:
        click.echo(f"  {line}")
    click.echo("it follows the registry; end it with Ctrl-C")


def _tell(words: str) -> None:
    click.echo(words)


def _allow_many_files() -> None:
    """Each client and each request on its way to a server is an open file."""
    wanted = 4 * MOST_CLIENTS
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    most = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
    if soft != resource.RLIM_INFINITY and soft < most:
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))


def _interruption() -> asyncio.Event:
    ended = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, ended.set)
    return ended
