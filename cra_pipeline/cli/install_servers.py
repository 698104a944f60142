"""``serve --install``: makes one of the big model servers, and nothing else."""

from __future__ import annotations

import click

from cra_pipeline.integrations.home import current_layout


def _install(context: click.Context, _: click.Parameter, name: str | None) -> None:
    if name is None or context.resilient_parsing:
        return
    from cra_pipeline.integrations.model_server.install import SET_UPS, install

    (wanted,) = (known for known in SET_UPS if known == name)
    found = install(current_layout(), wanted, click.echo)
    click.echo(f"{name} {found.version} stands in {found.folder}")
    context.exit()


install_option = click.option(
    "--install",
    type=click.Choice(["vllm", "llama_server"]),
    callback=_install,
    is_eager=True,
    expose_value=False,
    help="Make this server below <workspace>/servers, or CRA_PIPELINE_SERVERS, and end.",
)
"""Looked at before every other option; the command itself does not run then."""
