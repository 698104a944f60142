"""``agent``: the installed agent, asking OpenAI-compatible servers without a gateway between."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

import click


@click.command(context_settings={"ignore_unknown_options": True})
@click.option("--routes", type=click.Path(path_type=Path), help="JSON file; read at each stage.")
@click.option("--base-url", default="", help="Server, such as http://127.0.0.1:8000/v1.")
@click.option("--model", default="", help="Model that answers.")
@click.option("--model-for", multiple=True, metavar="KIND=MODEL", help="Model of one call kind.")
@click.option("--key-variable", default="", help="Environment variable with the server's key.")
@click.argument("arguments", nargs=-1, required=True, type=click.UNPROCESSED)
def agent(routes: Path | None, arguments: tuple[str, ...], **terms: Any) -> None:  # noqa: ANN401  # options
    """Run the agent's own command line, with provider = "openai_compat" understood.

    cra-pipeline agent -- solve TASK --repo REPO does what cra solve does. In the repository's
    .clean_room/config.toml the section [models] says provider = "openai_compat"; with "ollama" the
    agent is as it always is. What is not said here comes from that section: base_url, and a model
    for each role.

    No gateway stands between, so no request log is kept: what is to feed the next round goes
    through `cra-pipeline gateway` or `cra-pipeline serve`.
    """
    from cra_pipeline.integrations.clean_room.direct import direct_start
    from cra_pipeline.integrations.clean_room.installed import find_agent
    from cra_pipeline.integrations.clean_room.openai_compat import ROUTES_VARIABLE, RoutesError

    told = _told(terms)
    if routes is not None and told:
        raise click.UsageError("--routes says everything: leave out the other options")
    environ = dict(os.environ) | ({} if routes is None else {ROUTES_VARIABLE: str(routes)})
    python = find_agent(os.environ).python
    try:
        start = direct_start(python, arguments, environ, told)
    except RoutesError as error:
        raise click.UsageError(str(error)) from error
    sys.stdout.flush()
    # In place of this process: signals, status and the terminal are the agent's.
    os.execve(python, start.command, dict(start.environ))  # noqa: S606  # no shell, a list


def _told(terms: dict[str, Any]) -> dict[str, object]:
    """The options as routes; empty where none is given."""
    kinds: dict[str, dict[str, str]] = {}
    for text in terms.pop("model_for"):
        kind, given, model = text.partition("=")
        if not given or not model:
            raise click.UsageError(f"--model-for {text}: expected KIND=MODEL")
        kinds[kind] = {"model": model}
    return {name: value for name, value in (terms | {"kinds": kinds}).items() if value}
