"""What the rows of a dataset are judged by: the holdout, public benchmarks, takedowns, the plan."""

from __future__ import annotations

import hashlib
import tomllib
from pathlib import Path

from cra_pipeline.contracts.holdout import HoldoutRow
from cra_pipeline.contracts.manifests import AssetManifest, Input
from cra_pipeline.contracts.sources import RepoSnapshot, slug_of
from cra_pipeline.contracts.workspace import Layout
from cra_pipeline.datasets.decontamination import Benchmarks, Contamination
from cra_pipeline.datasets.judging import Court
from cra_pipeline.datasets.policy import CurationPolicy
from cra_pipeline.datasets.stage.chats import counter_of
from cra_pipeline.datasets.stage.dataset_files import Cell
from cra_pipeline.datasets.stage.guide import quota_of
from cra_pipeline.datasets.stage.lines import line_of
from cra_pipeline.datasets.stage.takedowns import takedown_rule
from cra_pipeline.errors import StoreError
from cra_pipeline.integrations.files import read_record, read_table, rows_content_id
from cra_pipeline.integrations.git.upstream import kept_upstream

BENCHMARKS = Path(__file__).resolve().parents[3] / "corpus" / "benchmarks.toml"
"""The list beside the package in a checkout."""
CORPUS = BENCHMARKS.with_name("repos.toml")
"""The addresses of the corpus, likewise."""


def court_of(layout: Layout, cell: Cell, *, policy: CurationPolicy) -> Court:
    """What the rows of a dataset are judged by, the round's holdout included.

    Raises:
        StoreError: The holdout or the list of benchmarks cannot be read.
    """
    line = line_of(layout, cell.round)
    return Court(
        adapter_kind=cell.adapter_kind,
        round=cell.round,
        policy=policy,
        contamination=Contamination(
            _kept_out(layout, cell.round),
            line.record.held_out,
            _benchmarks(),
            {repo: slug_in(layout, repo) for repo in line.reaches},
            policy.contamination,
        ),
        taken_down=takedown_rule(layout)[0],
        counter=counter_of(layout, cell.adapter_kind),
        quota=quota_of(layout, cell),
    )


def _kept_out(layout: Layout, round_name: str) -> tuple[HoldoutRow, ...]:
    path = layout.table("holdout", round_name)
    rows = read_table(path, HoldoutRow)
    told = read_record(layout.manifest("holdout", round_name), AssetManifest).content_id
    if (found := rows_content_id(rows)) != told:
        raise StoreError(
            f"{path}: is {found[:12]}, its manifest says {told[:12]}: keep the holdout out again"
        )
    return rows


def slug_in(layout: Layout, repo: str) -> str:
    """``owner/name`` under which benchmarks may list a repository; its key where nobody knows.

    A clone from this machine has no address of its own: that of its ``origin`` counts, then the
    corpus' of the same name, then that of a benchmark's repository so called.

    Raises:
        StoreError: A list is missing or damaged.
    """
    (snapshot,) = read_table(layout.table("repo_snapshots", repo), RepoSnapshot)
    return (
        slug_of(snapshot.url)
        or kept_upstream(layout.snapshot(repo))
        or _corpus_slug(repo)
        or _benchmark_named(repo)
        or repo
    )


def _corpus_slug(repo: str) -> str:
    try:
        tables = tomllib.loads(_listed(CORPUS)).get("repo", [])
        return next((slug_of(item["url"]) for item in tables if item["name"] == repo), "")
    except (KeyError, TypeError, tomllib.TOMLDecodeError) as error:
        raise StoreError(
            f"{CORPUS}: no list of repositories with name and url ({error!r}): restore it from the "
            "checkout"
        ) from error


def _benchmark_named(repo: str) -> str:
    """Of the benchmark's repository of that name: where the owner is unknown it counts as it."""
    found = _benchmarks().repositories
    return min((slug for slug in found if slug.rpartition("/")[2] == repo.lower()), default="")


def benchmarks_input() -> Input:
    """The list of benchmarks as a manifest names it.

    Raises:
        StoreError: It is missing.
    """
    content_id = hashlib.sha256(_listed(BENCHMARKS).encode()).hexdigest()
    return Input(name=BENCHMARKS.name, content_id=content_id)


def _benchmarks() -> Benchmarks:
    try:
        return Benchmarks.parse(_listed(BENCHMARKS), where=str(BENCHMARKS))
    except ValueError as error:
        raise StoreError(f"{error}; mend that entry") from error


def _listed(path: Path) -> str:
    if not path.is_file():
        raise StoreError(f"{path}: missing; run from a checkout, installed with `make setup`")
    return path.read_text(encoding="utf-8")
