"""``serve``: a base of the workspace and adapters on it, behind an OpenAI-compatible address."""

from __future__ import annotations

import signal
import threading
from pathlib import Path

import click

from cra_pipeline.cli.install_servers import install_option
from cra_pipeline.integrations.home import current_layout
from cra_pipeline.kinds import ADAPTER_KINDS


@click.command()
@install_option
@click.option("--base", "base_id", required=True, metavar="ID", help="A base of the workspace.")
@click.option(
    "--adapter", "adapters", multiple=True, metavar="KIND=FOLDER", help="Of a finished adapter."
)
@click.option("--port", type=click.IntRange(0, 65535), default=0, help="On 127.0.0.1; 0 for any.")
@click.option("--precision", type=click.Choice(["float32", "bfloat16"]), default="float32")
@click.option("--device", default="cpu", show_default=True, help="As torch names it.")
def serve(
    *, base_id: str, adapters: tuple[str, ...], port: int, precision: str, device: str
) -> None:
    """Serve a base and adapters by name until interrupted, by transformers, on loopback.

    It goes one request at a time, on any machine; for many agents take a big server.
    """
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
