"""A clone from this machine is known as the benchmark's repository that it may be."""

from __future__ import annotations

from pathlib import Path

import pytest

from cra_pipeline.contracts.sources import RepoSnapshot
from cra_pipeline.contracts.workspace import Layout
from cra_pipeline.datasets.stage import court
from cra_pipeline.datasets.stage.court import slug_in
from cra_pipeline.errors import StoreError
from cra_pipeline.integrations.git.run import git
from cra_pipeline.integrations.git.upstream import keep_upstream
from cra_pipeline_tests.datasets.worlds import table


def snapshot(repo: str, url: str) -> RepoSnapshot:
    return RepoSnapshot(
        repo=repo, url=url, revision="a" * 40, commits=1, tags=(), domain="parsing", licence="MIT"
    )


@pytest.mark.parametrize(
    ("repo", "url", "slug"),
    [
        ("attrs", "local:attrs", "python-attrs/attrs"),
        ("django", "local:django", "django/django"),
        ("alder", "local:alder", "alder"),
        ("django", "https://example.org/fork/django.git", "fork/django"),
    ],
)
def test_a_local_clone_has_the_address_of_the_corpus_or_of_a_benchmark(
    tmp_path: Path, repo: str, url: str, slug: str
) -> None:
    layout = Layout(tmp_path)
    table(layout, "repo_snapshots", repo, [snapshot(repo, url)])

    assert slug_in(layout, repo) == slug


def test_a_clones_own_origin_tells_more_than_a_name(tmp_path: Path) -> None:
    layout = Layout(tmp_path)
    git(None, "init", "--quiet", "--bare", str(layout.snapshot("django")))
    keep_upstream(layout.snapshot("django"), "fork/django")
    table(layout, "repo_snapshots", "django", [snapshot("django", "local:django")])

    assert slug_in(layout, "django") == "fork/django"


def test_a_corpus_that_is_gone_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(court, "CORPUS", tmp_path / "repos.toml")
    table(Layout(tmp_path), "repo_snapshots", "alder", [snapshot("alder", "local:alder")])

    with pytest.raises(StoreError, match=r"repos\.toml: missing; run from a checkout"):
        slug_in(Layout(tmp_path), "alder")
    (tmp_path / "repos.toml").write_text("[[repo]]\nurl = 'https://a.example/b/c'\n")
    with pytest.raises(StoreError, match=r"repos\.toml: no list of repositories with name and url"):
        slug_in(Layout(tmp_path), "alder")
