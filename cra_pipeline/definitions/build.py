"""All definitions together, with resources that a caller may exchange."""

import dagster as dg

from cra_pipeline.definitions import (
    adapters,
    automation,
    base_bundle,
    cold_start,
    commits,
    corpus,
    datasets,
    gates,
    harness,
    holdout_attempts,
    logs,
    packages,
    pairs,
    registry,
    serving,
)
from cra_pipeline.definitions.resources import LoggedProgress, SandboxedTests, Workspace


def build_defs(**overrides: object) -> dg.Definitions:
    """The code location.

    Args:
        overrides: Resources to use in place of the default ones: ``workspace``, ``tests``
            (anything with ``runner(layout)``) or ``progress`` (anything with ``of(context)``).

    Raises:
        ValueError: An override names no resource.
    """
    resources: dict[str, object] = {
        "workspace": Workspace(),
        "tests": SandboxedTests(),
        "progress": LoggedProgress(),
    }
    if unknown := sorted(set(overrides) - set(resources)):
        raise ValueError(
            f"no such resource: {', '.join(unknown)}; expected some of {', '.join(resources)}"
        )
    modules = [
        *(corpus, commits, packages, harness, pairs, logs, cold_start),
        *(datasets, base_bundle, adapters, holdout_attempts, gates, registry),
        serving,
    ]
    return dg.Definitions(
        assets=dg.load_assets_from_modules(modules),
        asset_checks=dg.load_asset_checks_from_modules(modules),
        jobs=automation.JOBS,
        sensors=[automation.dropped_packages],
        resources=resources | overrides,
        executor=dg.in_process_executor,
    )
