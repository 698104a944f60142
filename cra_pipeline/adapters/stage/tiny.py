"""The tiny base of demo and tests, made once in a workspace and frozen like any other."""

from __future__ import annotations

import tempfile
from collections.abc import Iterable
from pathlib import Path

from cra_pipeline.contracts.bases import BaseRecord
from cra_pipeline.contracts.workspace import Layout
from cra_pipeline.integrations.bases import import_base, list_bases
from cra_pipeline.integrations.leftovers import prefix_of
from cra_pipeline.integrations.training.tiny_base import make_tiny_base

NAME = "tiny"


def ensure_tiny_base(layout: Layout, texts: Iterable[str]) -> BaseRecord:
    """The workspace's tiny base: the one that stands, or a new one.

    Args:
        layout: The workspace.
        texts: What a new one's tokenizer learns from, in an order of their own.

    Raises:
        StoreError: The disk is full, or a record cannot be read.
    """
    for record in list_bases(layout):
        if record.role == "tiny":
            return record
    layout.scratch.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=layout.scratch, prefix=prefix_of("base")) as name:
        folder = Path(name) / "model"
        make_tiny_base(texts, folder)
        return import_base(layout, folder, role="tiny", name=NAME)
