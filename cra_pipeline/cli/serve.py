"""``serve``: what the registry says is in service behind one gateway, or one base by itself."""

from __future__ import annotations

import signal
import threading
from pathlib import Path
from typing import Any

import click
from click.core import ParameterSource

from cra_pipeline.cli.install_servers import install_option
from cra_pipeline.integrations.home import current_layout
from cra_pipeline.kinds import ADAPTER_KINDS

SERVERS = ("transformers", "vllm", "llama_server")

_OF_REGISTRY = (
    "server", "canaries", "shadows", "memory", "log", "token_file", "other_form"
)  # fmt: skip
"""Names of the options that a --base by itself cannot follow."""


@click.command()
@install_option
@click.option("--base", "base_id", metavar="ID", help="Only this base, and no registry.")
@click.option(
    "--adapter", "adapters", multiple=True, metavar="KIND=FOLDER", help="On --base: a finished one."
)
@click.option("--server", type=click.Choice(SERVERS), default="transformers", show_default=True)
@click.option(
    "--canary",
    "canaries",
    multiple=True,
    metavar="KIND=VERSION:SHARE",
    help="A version that answers a share of the calls, such as scope=scope-v4:0.1.",
)
@click.option(
    "--shadow",
    "shadows",
    multiple=True,
    metavar="KIND=VERSION",
    help="A version that is asked beside and compared, but never heard.",
)
@click.option("--memory", type=click.FloatRange(0), default=0.0, help="GiB; else what there is.")
@click.option("--port", type=click.IntRange(0, 65535), default=0, help="On 127.0.0.1; 0 for any.")
@click.option("--log", type=click.Path(path_type=Path), help="Request log; goes on where it is.")
@click.option("--token-file", type=click.Path(path_type=Path), help="Made where it is missing.")
@click.option("--precision", type=click.Choice(["float32", "bfloat16"]), default="float32")
@click.option("--device", default="cpu", show_default=True, help="As torch names it.")
@click.option("--other-form", is_flag=True, help="Serve what was gated in another precision too.")
def serve(
    *,
    base_id: str | None,
    adapters: tuple[str, ...],
    port: int,
    precision: str,
    device: str,
    **options: Any,  # noqa: ANN401  # of the registry's service
) -> None:
    """Serve what the registry says until interrupted, and follow it: promotions serve at once.

    The agent's calls come in at one address, each is answered by the version of its kind that is in
    service, and every one is logged. With --base, a base and adapters of any folder are served by
    name instead, and the registry is not asked.
    """
    if adapters and base_id is None:
        raise click.UsageError("--adapter is of a --base; the registry names its own adapters")
    if base_id is None:
        from cra_pipeline.cli.serve_registry import serve_registry

        serve_registry(port=port, precision=precision, device=device, **options)
        return
    _require_own(click.get_current_context())
    _serve_base(base_id, adapters, port=port, precision=precision, device=device)


def _require_own(context: click.Context) -> None:
    """Refuse, beside a --base, what would be passed over."""
    told = [
        parameter.opts[0]
        for parameter in context.command.params
        if parameter.name in _OF_REGISTRY
        and context.get_parameter_source(parameter.name) != ParameterSource.DEFAULT
    ]
    if told:
        raise click.UsageError(
            f"{', '.join(told)}: not with --base, which is served by transformers alone, without "
            "gateway and log: leave it out, or serve what the registry says"
        )


def _serve_base(
    base_id: str, adapters: tuple[str, ...], *, port: int, precision: str, device: str
) -> None:
    from cra_pipeline.integrations.model_server.fleet import transformers_fleet
    from cra_pipeline.integrations.model_server.policy import ServerPolicy

    folders = [_adapter(text) for text in adapters]
    policy = ServerPolicy(
        port=port, precision="float32" if precision == "float32" else "bfloat16", device=device
    )
    with transformers_fleet(current_layout(), policy) as fleet:
        address, name = fleet.address(base_id, None)
        click.echo(f"listening on {address}, {fleet.served_as}")
        click.echo(f"  model {name}: the base itself")
        for kind, folder in folders:
            _, name = fleet.address(base_id, folder)
            click.echo(f"  model {name}: {kind}, from {folder}")
        click.echo("end it with Ctrl-C")
        _wait_for_interruption()
    click.echo("ended")


def _wait_for_interruption() -> None:
    ended = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: ended.set())
    ended.wait()


def _adapter(text: str) -> tuple[str, Path]:
    kind, given, folder = text.partition("=")
    if not given or kind not in ADAPTER_KINDS:
        known = ", ".join(ADAPTER_KINDS)
        raise click.UsageError(f"--adapter {text}: expected KIND=FOLDER, KIND one of {known}")
    return kind, Path(folder)
