"""The packages stage on a real history, a real index on loopback and the real sandbox."""

from __future__ import annotations

import dataclasses
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from cra_pipeline.contracts.manifests import AssetManifest
from cra_pipeline.contracts.packages import RepoManifest
from cra_pipeline.contracts.testrun import TestRunReport, TestRunRequest
from cra_pipeline.contracts.workspace import Layout
from cra_pipeline.errors import BusyError, CheckError, EnvironmentBuildError, GitError, StoreError
from cra_pipeline.integrations.envs import env_path
from cra_pipeline.integrations.evidence import require_checked
from cra_pipeline.integrations.files import partition_lock, read_record
from cra_pipeline.integrations.git.checkout import checked_out
from cra_pipeline.integrations.index import IndexAddress
from cra_pipeline.packages.stage import (
    build_package,
    check_package,
    ingest_package,
    ingested_source,
    pending_drops,
)
from cra_pipeline_tests.packages.conftest import (
    CountedRunner,
    History,
    Ready,
    environments,
    policy,
    remove,
    tree_bytes,
)
from cra_pipeline_tests.wheels import small_disk


def test_each_commit_ends_on_the_rung_that_its_history_needs(
    model: Layout, history: History
) -> None:
    rows = environments(model)
    dated, spare, lost = (rows[history.commits[key]] for key in ("dated", "spare", "lost"))
    sealed = read_record(model.manifest("repo_packages", "till"), AssetManifest)

    assert {count.label: count.count for count in sealed.counts} == {
        "tests, dated": 1,
        "missing-modules": 1,
        "missing_modules": 1,
    }
    assert (dated.rung, dated.as_of, dated.reason) == ("tests", "2023-01-01", "")
    assert spare.rung == "missing-modules"
    assert lost.reason.startswith("missing_modules: nowhere_to_be_had")
    assert not lost.lock_hash
    assert (dated.import_roots, dated.generated[0].path) == (("src",), "src/till/_version.py")
    assert "till-1.1.dev1.dist-info/METADATA" in {file.path for file in dated.shim}
    assert env_path(model, dated.lock_hash).is_dir()
    assert check_package(model, "till").passed


def test_the_evidence_keeps_the_index_by_label_only(model: Layout, index: IndexAddress) -> None:
    sealed = read_record(model.manifest("repo_packages", "till"), AssetManifest)

    assert json.loads(sealed.policy)["index_label"] == index.label
    assert "127.0.0.1" not in sealed.policy


def test_wheels_with_the_repositorys_own_code_are_left_out_and_named(
    model: Layout, history: History
) -> None:
    row = environments(model)[history.commits["spare"]]
    manifest = read_record(model.package("till") / "manifest.json", RepoManifest)

    assert row.leaks == (
        "till 1.0: own distribution",
        "till-fork 1.0: brings the repository's own module till/core.py",
    )
    assert row.lock_hash
    assert not [file.path for file in manifest.files if file.path.startswith("packages/till")]


def test_a_second_run_probes_nothing_and_writes_the_same_bytes(
    built: Layout, index: IndexAddress, runner: CountedRunner
) -> None:
    before = tree_bytes(built.partition("repo_packages", "till"))

    build_package(built, "till", policy=policy(index, away=True), runner=runner)

    assert runner.runs == 0
    assert tree_bytes(built.partition("repo_packages", "till")) == before


@pytest.mark.slow
def test_another_workspace_gets_the_same_bytes(
    model: Layout, ready: Ready, index: IndexAddress, runner: CountedRunner
) -> None:
    other = ready("other")

    build_package(other, "till", policy=policy(index), runner=runner)

    one, two = (place.partition("repo_packages", "till") for place in (model, other))
    assert tree_bytes(one) == tree_bytes(two)


@pytest.mark.slow
def test_another_policy_climbs_again(
    built: Layout, index: IndexAddress, runner: CountedRunner
) -> None:
    changed = dataclasses.replace(policy(index), probe_files=19)

    build_package(built, "till", policy=changed, runner=runner)

    assert runner.runs > 0


def test_a_deleted_environment_is_linked_again_without_a_probe(
    built: Layout, index: IndexAddress, runner: CountedRunner
) -> None:
    remove(built.envs)
    assert not check_package(built, "till").passed

    build_package(built, "till", policy=policy(index, away=True), runner=runner)

    assert runner.runs == 0
    assert check_package(built, "till").passed


def test_an_index_that_is_away_stops_the_stage_and_blames_nobody(
    ready: Ready, index: IndexAddress, runner: CountedRunner
) -> None:
    layout = ready()

    with pytest.raises(EnvironmentBuildError, match="could not be reached"):
        build_package(layout, "till", policy=policy(index, away=True), runner=runner)

    assert not layout.manifest("repo_packages", "till").exists()


def test_two_runs_at_once_are_refused(
    built: Layout, index: IndexAddress, runner: CountedRunner
) -> None:
    with partition_lock(built, "repo_packages", "till"), pytest.raises(BusyError):
        build_package(built, "till", policy=policy(index), runner=runner)


def test_unchecked_commits_are_refused(
    built: Layout, index: IndexAddress, runner: CountedRunner
) -> None:
    built.check("commits", "till").unlink()

    with pytest.raises(CheckError, match="run: cra-pipeline run commits --repo till"):
        build_package(built, "till", policy=policy(index), runner=runner)


@pytest.mark.parametrize("most", [500, 4000])
def test_a_full_disk_leaves_nothing_half_written(
    built: Layout, index: IndexAddress, runner: CountedRunner, most: int
) -> None:
    before = tree_bytes(built.partition("repo_packages", "till"))
    remove(built.package("till"))
    remove(built.envs)

    with small_disk(most), pytest.raises((StoreError, GitError)):
        build_package(built, "till", policy=policy(index), runner=runner)
    assert not built.package("till").exists()
    assert list(built.scratch.glob("package-*")) == []
    build_package(built, "till", policy=policy(index), runner=runner)

    assert tree_bytes(built.partition("repo_packages", "till")) == before


def test_damage_after_sealing_fails_the_check_and_stops_the_next_stage(built: Layout) -> None:
    next((built.package("till") / "packages").glob("needle*.whl")).unlink()

    report = check_package(built, "till")

    assert not report.passed
    assert any("needle-1.0-py3-none-any.whl" in finding for finding in report.findings)
    with pytest.raises(CheckError, match="failed its check"):
        require_checked(built, "repo_packages", "till")


@pytest.mark.slow
def test_a_package_alone_brings_the_same_environments_without_an_index(
    model: Layout, ready: Ready, history: History, index: IndexAddress, runner: CountedRunner
) -> None:
    there = ready("there", names=("dated", "spare"))

    assert ingest_package(there, model.package("till")) == "till"
    remove(there.wheels)
    build_package(there, "till", policy=policy(index, away=True), runner=runner)

    rows, runs = environments(there), runner.runs
    assert runs == 0
    assert rows == {sha: environments(model)[sha] for sha in rows}
    assert check_package(there, "till").passed
    report = collected(there, history.commits["dated"], runner)
    assert [outcome.result for outcome in report.outcomes] == ["passed"]


def collected(layout: Layout, sha: str, runner: CountedRunner) -> TestRunReport:
    """Run the test of a commit in the environment that its row names."""
    row = environments(layout)[sha]
    with checked_out(layout, layout.snapshot("till"), sha) as tree:
        return runner.run(
            TestRunRequest(
                tree=tree,
                layers=(),
                environment=row,
                env_folder=env_path(layout, row.lock_hash),
                test_files=("tests/test_total.py",),
            )
        )


def test_a_package_tells_the_shell_which_source_to_add(
    model: Layout, history: History, tmp_path: Path
) -> None:
    there = Layout(tmp_path / "there")
    ingest_package(there, model.package("till"))

    source = ingested_source(there, "till")

    assert (source.name, source.revision) == ("till", history.commits["lost"])
    assert Path(source.url).is_dir()
    assert source.domain == "tooling"


def test_drops_are_seen_until_they_are_taken_in(model: Layout, tmp_path: Path) -> None:
    layout = Layout(tmp_path / "there")
    drop = layout.drops / "one"
    drop.mkdir(parents=True)
    content = (model.package("till") / "manifest.json").read_bytes()
    (drop / "manifest.json").write_bytes(content[:100])
    assert pending_drops(layout) == ()
    (drop / "manifest.json").write_bytes(content)
    early = pending_drops(layout)
    shutil.copytree(model.package("till"), drop, dirs_exist_ok=True)
    late = pending_drops(layout)

    assert [name for name, _ in early] == [name for name, _ in late] == ["one"]
    assert early != late
    assert pending_drops(layout) == late
    ingest_package(layout, drop)
    assert pending_drops(layout) == ()


KILLED = """
import sys
from pathlib import Path
from cra_pipeline.contracts.testrun import TestRunReport, TestRunRequest
from cra_pipeline.contracts.workspace import Layout
from cra_pipeline.integrations.sandbox.bubblewrap import BubblewrapSandbox
from cra_pipeline.integrations.testrun.runner import PytestRunner
from cra_pipeline.packages.policy import PackagePolicy
from cra_pipeline.packages.stage import build_package
layout = Layout(Path(sys.argv[1]))
runner = PytestRunner(BubblewrapSandbox(), layout.scratch)
policy = PackagePolicy(index_url=sys.argv[2], index_label=sys.argv[3])
build_package(layout, "till", policy=policy, runner=runner)
"""


@pytest.mark.slow
def test_kills_at_any_moment_lose_nothing(
    model: Layout, ready: Ready, index: IndexAddress, runner: CountedRunner
) -> None:
    layout = ready("killed")

    kills = 0
    for delay in (0.9, 1.3, 1.7, 2.2, 2.8):
        process = subprocess.Popen(
            [sys.executable, "-c", KILLED, str(layout.root), index.url, index.label],
            start_new_session=True,
        )
        time.sleep(delay)
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
            kills += 1
        process.wait()
    build_package(layout, "till", policy=policy(index), runner=runner)

    assert kills >= 2
    one, other = (place.partition("repo_packages", "till") for place in (model, layout))
    assert tree_bytes(one / "package") == tree_bytes(other / "package")
    assert environments(model) == environments(layout)
    assert check_package(layout, "till").passed
