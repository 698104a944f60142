"""Which workspace is meant, and by which name Dagster keeps its repositories."""

from __future__ import annotations

import os
from pathlib import Path

from cra_pipeline.contracts.workspace import Layout

HOME_VARIABLE = "CRA_PIPELINE_HOME"

REPO_PARTITIONS = "repo"
"""Name of Dagster's dynamic partitions; here, so that adding a key loads no definitions."""


def current_layout() -> Layout:
    """The workspace that ``CRA_PIPELINE_HOME`` names, else ``./workspace``; it may not exist."""
    return Layout(Path(os.environ.get(HOME_VARIABLE) or "workspace").resolve())
