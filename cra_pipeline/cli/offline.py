"""The demo's package index: wheels that set-up fetched, and tiny ones that no public index has."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from cra_pipeline.cli.machine import wheelhouse_folder
from cra_pipeline.contracts.workspace import Layout
from cra_pipeline.errors import PackageError, SourceError
from cra_pipeline.integrations.files import write_bytes
from cra_pipeline.integrations.index import TIMES, IndexAddress, serve_wheels


@contextmanager
def offline_index(layout: Layout) -> Iterator[IndexAddress]:
    """Serve the demo's wheels on loopback for the time of the block.

    Raises:
        PackageError: Set-up did not fetch pytest.
        SourceError: The tiny wheels' data is broken.
    """
    fetched = wheelhouse_folder()
    if not list(fetched.glob("pytest-*.whl")):
        raise PackageError(
            f"{fetched}: no wheel of pytest, which the demo's tests need: make setup"
        )
    with serve_wheels(seed_wheels(layout), fetched) as index:
        yield index


def seed_wheels(layout: Layout) -> Path:
    """Build the tiny wheels, with the times of their upload, into the workspace.

    Returns:
        Their folder.

    Raises:
        SourceError: Their data is broken.
    """
    from cra_pipeline.corpus.recipe_wheels import build_wheel, load_wheels
    from cra_pipeline.corpus.stage import CORPUS, tiny_folder

    folder = tiny_folder(layout) / "wheels"
    try:
        specs = load_wheels(CORPUS / "tiny" / "wheels.toml")
    except ValueError as error:
        raise SourceError(str(error)) from error
    built = [(spec.uploaded.isoformat(), *build_wheel(spec)) for spec in specs]
    for _, name, content in built:
        write_bytes(folder / name, content)
    times = {name: uploaded for uploaded, name, _ in built}
    write_bytes(folder / TIMES, json.dumps(times, indent=1, sort_keys=True).encode())
    return folder
