"""The sensor takes in what is new, remembers what it refused, and asks for nothing twice."""

from __future__ import annotations

import json
from pathlib import Path

import dagster as dg
import pytest

from cra_pipeline.definitions.automation import JOBS, dropped_packages
from cra_pipeline.definitions.build import build_defs
from cra_pipeline.definitions.resources import Workspace


def tick(home: Path, cursor: str | None = None) -> dg.SensorResult | dg.SkipReason:
    """One evaluation, as the daemon would make it."""
    resources = {"workspace": Workspace(home=str(home))}
    with (
        dg.DagsterInstance.ephemeral() as instance,
        dg.build_sensor_context(instance=instance, cursor=cursor, resources=resources) as context,
    ):
        result = dropped_packages(context)
    assert isinstance(result, dg.SensorResult | dg.SkipReason)
    return result


def drop(home: Path, name: str, manifest: str) -> Path:
    path = home / "drops" / name / "manifest.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(manifest, encoding="utf-8")
    return path


def test_nothing_dropped_asks_for_nothing(tmp_path: Path) -> None:
    assert isinstance(tick(tmp_path), dg.SkipReason)


def test_a_manifest_that_is_still_being_written_waits(tmp_path: Path) -> None:
    drop(tmp_path, "odd", '{"schema_version": 1, "re')

    assert isinstance(tick(tmp_path), dg.SkipReason)


@pytest.mark.parametrize("manifest", ["{}", json.dumps({"repo": "a|b"})])
def test_a_refused_package_gets_no_partition_and_no_run(tmp_path: Path, manifest: str) -> None:
    drop(tmp_path, "odd", manifest)

    result = tick(tmp_path)

    assert isinstance(result, dg.SensorResult)
    assert not result.run_requests
    assert "odd" in json.loads(result.cursor or "")


def test_a_refused_package_is_judged_again_only_when_its_manifest_changes(tmp_path: Path) -> None:
    path = drop(tmp_path, "odd", "{}")
    first = tick(tmp_path)
    assert isinstance(first, dg.SensorResult)
    path.touch()

    assert isinstance(tick(tmp_path, first.cursor), dg.SkipReason)

    drop(tmp_path, "odd", "[]")

    assert isinstance(tick(tmp_path, first.cursor), dg.SensorResult)


@pytest.mark.parametrize("job", [job.name for job in JOBS])
def test_every_job_has_one_partitioning_or_none_at_all(job: str) -> None:
    found = build_defs().resolve_job_def(job)

    assert (found.partitions_def is None) == (job == "cold_start_job")
