"""``add`` and ``ingest``: repositories and repo packages come in."""

from __future__ import annotations

from pathlib import Path

import click

from cra_pipeline.contracts.sources import Tier
from cra_pipeline.integrations.home import current_layout


@click.command()
@click.argument("source")
@click.option("--name", help="Key of the repository; else made from the source's last part.")
@click.option("--domain", help="What the library is about, such as validation.")
@click.option("--roles", help="Letters of P, C, K, S: pipeline, coding, knowledge, style.")
@click.option("--tier", type=click.Choice(["full", "knowledge", "document"]))
@click.option("--licence", help="SPDX expression.")
@click.option("--revision", help="Branch, tag or commit to pin; else the source's head.")
def add(  # noqa: PLR0913  # one argument for each option of the command
    *,
    source: str,
    name: str | None,
    domain: str | None,
    roles: str | None,
    tier: Tier | None,
    licence: str | None,
    revision: str | None,
) -> None:
    """Add a repository by URL or path; nothing of it is executed."""
    from cra_pipeline.cli.instance import dagster_instance, register
    from cra_pipeline.corpus.stage import add_source, read_rounds

    layout = current_layout()
    entry = add_source(
        layout,
        source,
        name=name,
        domain=domain,
        roles=_letters(roles),
        tier=tier,
        licence=licence,
        revision=revision,
    )
    with dagster_instance(layout) as instance:
        register(instance, [entry.name])
    click.echo(f"{entry.name}: pinned at {entry.revision[:12]} of {entry.url}")
    rounds = read_rounds(layout)
    if rounds and all(record.pin(entry.name) is None for record in rounds):
        click.echo("no open round lists it: cra-pipeline round open")
    click.echo(f"next: cra-pipeline run preference_pairs --repo {entry.name} --limit 15")


def _letters(roles: str | None) -> tuple[str, ...] | None:
    """The letters of ``P,C`` or ``PC``.

    Raises:
        BadParameter: A letter is no role.
    """
    if roles is None:
        return None
    letters = tuple(sorted(set(roles.upper()) - set(", ")))
    if not letters or set(letters) - set("PCKS"):
        raise click.BadParameter(f"{roles!r}: expected letters of P, C, K, S", param_hint="--roles")
    return letters


@click.command()
@click.argument("path", type=click.Path(exists=True, file_okay=False, path_type=Path))
def ingest(path: Path) -> None:
    """Take in a repo package (a folder with manifest.json, repo/ and packages/)."""
    from cra_pipeline.cli.instance import dagster_instance, register
    from cra_pipeline.definitions.intake import take_in

    layout = current_layout()
    repo = take_in(layout, path.resolve())
    with dagster_instance(layout) as instance:
        register(instance, [repo])
    click.echo(f"{repo}: taken in from {path}")
    click.echo(f"next: cra-pipeline run tasks --repo {repo}")
