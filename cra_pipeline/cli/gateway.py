"""``gateway``: models for an agent in ordinary service, behind the protocol that it speaks."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import socket
from pathlib import Path
from typing import Any

import click

from cra_pipeline.contracts.ports import Responder
from cra_pipeline.integrations.home import current_layout
from cra_pipeline.kinds import CALL_KINDS


@click.command()
@click.option("--responder", type=click.Choice(["openai", "ranked", "recorded"]), default="openai")
@click.option("--base-url", help="OpenAI-compatible server, such as http://127.0.0.1:8000/v1.")
@click.option("--model", help="Model that answers.")
@click.option("--model-for", multiple=True, metavar="KIND=MODEL", help="Model of one call kind.")
@click.option("--key-variable", default="", help="Environment variable with the server's key.")
@click.option("--stop", multiple=True, help="Text that ends an answer.")
@click.option("--extra-body", default="{}", help="JSON object of further keys of each request.")
@click.option("--own-model-only", is_flag=True, help="Refuse answers that name another model.")
@click.option("--requests-per-minute", type=float, default=0.0, help="0: any number.")
@click.option("--concurrency", type=int, default=16, show_default=True)
@click.option("--prompt-price", type=float, default=0.0, help="Of a million prompt tokens.")
@click.option("--completion-price", type=float, default=0.0, help="Of a million answered tokens.")
@click.option("--spend-limit", type=float, help="Most that may be spent.")
@click.option(
    "--recordings", type=click.Path(path_type=Path), help="Folder with calls.jsonl files."
)
@click.option("--clone", type=click.Path(path_type=Path), help="Git directory of ranked files.")
@click.option("--revision", default="HEAD", show_default=True, help="Of it, for ranked.")
@click.option("--rank-with-model", is_flag=True, help="The server's own yes or no counts too.")
@click.option("--port", type=click.IntRange(0, 65535), help="On 127.0.0.1; 0 for any.")
@click.option(
    "--socket", "socket_path", type=click.Path(path_type=Path), help="Unix socket instead."
)
@click.option("--log", type=click.Path(path_type=Path), help="Request log; goes on where it is.")
@click.option("--token-file", type=click.Path(path_type=Path), help="Made where it is missing.")
@click.option("--temperature", type=click.FloatRange(0), help="Instead of what the agent asks for.")
@click.option("--seed", type=int, default=0, show_default=True)
def gateway(  # noqa: PLR0913  # one for each option
    *,
    responder: str,
    port: int | None,
    socket_path: Path | None,
    log: Path | None,
    token_file: Path | None,
    temperature: float | None,
    seed: int,
    **terms: Any,  # noqa: ANN401  # the options of responders
) -> None:
    """Answer the Clean Room Agent's calls until interrupted, and log every one.

    The agent's base_url is this address followed by the token, which the token file holds.
    """
    from cra_pipeline.integrations.clean_room.installed import find_agent
    from cra_pipeline.integrations.gateway.token import obtain_token

    if port is not None and socket_path is not None:
        raise click.UsageError("--port and --socket exclude each other")
    folder = current_layout().root / "gateway"
    answering = _responder(responder, terms)
    kinds = find_agent(os.environ).kinds_by_system()
    token_path = token_file or folder / "token"
    token = obtain_token(token_path)
    listening = _listening(port or 0, socket_path)
    log_path = log or folder / "calls.jsonl"

    async def serve() -> None:
        from cra_pipeline.integrations.gateway.server import Gateway

        ended = _interruption()
        running = Gateway(answering, kinds)
        await running.start()
        try:
            await running.open_service(
                listening, log_path, token=token, temperature=temperature, seed=seed
            )
            _tell(listening, socket_path, token_path, log_path)
            await ended.wait()
        finally:
            await running.stop()

    try:
        asyncio.run(serve())
    finally:
        listening.close()
        if socket_path is not None:
            socket_path.unlink(missing_ok=True)
    click.echo("ended")


def _responder(name: str, terms: dict[str, Any]) -> Responder:
    from cra_pipeline.integrations.ranking.shelves import Shelf, Shelves
    from cra_pipeline.integrations.responders.ingredients import Ingredients
    from cra_pipeline.integrations.responders.table import load_responder

    recordings, clone = terms.pop("recordings"), terms.pop("clone")
    revision, with_model = terms.pop("revision"), terms.pop("rank_with_model")
    # Whoever ranks has the server answer the rest.
    asks = name == "openai" or (name == "ranked" and bool(terms["base_url"]))
    try:
        ingredients = Ingredients(
            endpoint=_endpoint(terms) if asks else None,
            recordings=recordings,
            otherwise="openai" if asks else "",
            shelves=None if clone is None else Shelves(Shelf(clone, revision)),
            rank_with_model=with_model,
        )
        return load_responder(name, ingredients)
    except ValueError as error:
        raise click.UsageError(str(error)) from error


def _endpoint(terms: dict[str, Any]) -> Any:  # noqa: ANN401  # an Endpoint, imported late
    from cra_pipeline.integrations.responders.endpoint import Endpoint

    if not terms["base_url"] or not terms["model"]:
        raise click.UsageError("--responder openai needs --base-url and --model")
    models = dict(_pair(text) for text in terms.pop("model_for"))
    extra = json.loads(terms.pop("extra_body"))
    if not isinstance(extra, dict):
        raise click.UsageError("--extra-body: expected a JSON object")
    return Endpoint(models=models, extra_body=extra, **terms)


def _pair(text: str) -> tuple[str, str]:
    kind, given, model = text.partition("=")
    if not given:
        known = ", ".join(sorted(CALL_KINDS))
        raise click.UsageError(f"--model-for {text}: expected KIND=MODEL, KIND one of {known}")
    return kind, model


def _listening(port: int, socket_path: Path | None) -> socket.socket:
    from cra_pipeline.integrations.gateway.listening import OWNER, listen_loopback, listen_unix

    try:
        return listen_loopback(port) if socket_path is None else listen_unix(socket_path, OWNER)
    except ValueError as error:
        raise click.UsageError(str(error)) from error


def _tell(
    listening: socket.socket, socket_path: Path | None, token_path: Path, log_path: Path
) -> None:
    """The address and where the token is; never the token."""
    if socket_path is None:
        host, port = listening.getsockname()[:2]
        address = f"http://{host}:{port}"
        click.echo(f"listening on {address}, requests are logged in {log_path}")
        click.echo(f'the agent\'s base_url: "{address}/$(cat {token_path})"')
    else:
        click.echo(f"listening on {socket_path}, requests are logged in {log_path}")
        click.echo(f"every request shows the token in {token_path}, as a bearer or before the path")
    click.echo("end it with Ctrl-C")


def _interruption() -> asyncio.Event:
    ended = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, ended.set)
    return ended
