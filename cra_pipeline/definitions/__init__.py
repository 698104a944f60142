"""Dagster's view of the pipeline: the code location ``cra_pipeline.definitions``."""

from cra_pipeline.definitions.build import build_defs

defs = build_defs()
