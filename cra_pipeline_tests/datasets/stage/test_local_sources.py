"""A clone from this machine is known as the benchmark's repository that it may be."""

from __future__ import annotations

from pathlib import Path

import pytest

from cra_pipeline.contracts.sources import RepoSnapshot
from cra_pipeline.contracts.workspace import Layout
from cra_pipeline.datasets.stage.curate import _slug
from cra_pipeline_tests.datasets.worlds import table


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
    snapshot = RepoSnapshot(
        repo=repo, url=url, revision="a" * 40, commits=1, tags=(), domain="parsing", licence="MIT"
    )
    table(layout, "repo_snapshots", repo, [snapshot])

    assert _slug(layout, repo) == slug
