"""The command line, ``cra-pipeline``; imports of Dagster wait until a command needs it."""

from __future__ import annotations

from cra_pipeline.cli.main import main

__all__ = ["main"]
