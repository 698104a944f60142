"""Taking in a repo package: its environments, and then its history as a source."""

from pathlib import Path

from cra_pipeline.contracts.workspace import Layout
from cra_pipeline.corpus.stage import add_source
from cra_pipeline.packages.stage import ingest_package, ingested_source


def take_in(layout: Layout, path: Path) -> str:
    """Take in a repo package and pin its repository as a source; may be repeated.

    Returns:
        Key of its repository, a slug.

    Raises:
        PackageError: The package is incomplete, forged or unsafe; nothing of it was taken in.
        SourceError: Its history is not whole, or its name belongs to another source.
    """
    repo = ingest_package(layout, path)
    source = ingested_source(layout, repo)
    add_source(
        layout,
        source.url,
        name=source.name,
        domain=source.domain,
        roles=source.roles,
        tier=source.tier,
        licence=source.licence,
        revision=source.revision,
    )
    return repo
