"""One Dagster instance for every door to a workspace."""

from __future__ import annotations

import os
from pathlib import Path

import dagster as dg
import pytest
import yaml  # type: ignore[import-untyped]  # PyYAML publishes no types

from cra_pipeline.cli.instance import (
    PROCESS_TAG,
    bury_dead_runs,
    dagster_instance,
    home_of,
    register,
    settings,
    this_process,
)
from cra_pipeline.contracts.workspace import Layout

PROJECT = Path(__file__).parents[2]


def test_the_project_and_a_moved_workspace_have_the_same_settings() -> None:
    own = yaml.safe_load((PROJECT / "dagster.yaml").read_text(encoding="utf-8"))

    assert yaml.safe_load(settings("workspace/dagster")) == own


def test_a_folder_with_odd_letters_stays_one_folder() -> None:
    found = yaml.safe_load(settings('/data/a "b": #c'))

    assert found["storage"]["sqlite"]["base_dir"] == '/data/a "b": #c/storage'


def test_a_moved_workspace_gets_its_own_settings(layout: Layout) -> None:
    assert home_of(layout) == layout.root
    assert (layout.root / "dagster.yaml").is_file()
    assert os.environ["DAGSTER_HOME"] == str(layout.root)


def test_the_default_workspace_uses_the_file_of_the_project(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "dagster.yaml").write_text(settings("workspace/dagster"), encoding="utf-8")

    assert home_of(Layout(tmp_path / "workspace")) == tmp_path
    assert not (tmp_path / "workspace" / "dagster.yaml").exists()


def test_repositories_are_registered_once(layout: Layout) -> None:
    with dagster_instance(layout) as instance:
        register(instance, ["till", "svcs"])
        register(instance, ["till"])

        assert sorted(instance.get_dynamic_partitions("repo")) == ["svcs", "till"]


@pytest.mark.parametrize(
    ("process", "buried"),
    [("4194304@1", 1), ("1@1", 1), (this_process(), 0)],
    # Workers must agree on the names, and a process id is no name.
    ids=["gone", "other start", "alive"],
)
def test_only_runs_of_dead_processes_are_marked_as_failed(
    layout: Layout, process: str, buried: int
) -> None:
    with dagster_instance(layout) as instance:
        run = dg.DagsterRun(
            job_name="task_job",
            run_id="8d0f3d9c-0000-4000-8000-000000000001",
            status=dg.DagsterRunStatus.STARTED,
            tags={PROCESS_TAG: process},
        )
        instance.add_run(run)

        assert bury_dead_runs(instance) == buried

        found = instance.get_run_by_id(run.run_id)
        assert found is not None
        assert (found.status is dg.DagsterRunStatus.FAILURE) == bool(buried)
