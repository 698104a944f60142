"""``prepare``: the workspace and its Dagster instance, so that any door to them may come first."""

from __future__ import annotations

import click

from cra_pipeline.integrations.home import current_layout


@click.command()
def prepare() -> None:
    """Create the workspace and its Dagster instance, and make known repositories partitions.

    `make setup` calls this; call it again where the workspace was deleted.
    """
    from cra_pipeline.cli.instance import dagster_instance, register
    from cra_pipeline.corpus.stage import known_sources

    layout = current_layout()
    names = [source.name for source in known_sources(layout)]
    with dagster_instance(layout) as instance:
        register(instance, names)
    click.echo(f"{layout.root}: ready, {len(names)} repositories known")
