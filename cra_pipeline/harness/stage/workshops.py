"""Everything about one repository, gathered from its tables."""

from __future__ import annotations

from functools import partial

from cra_pipeline.contracts.commits import CommitRow
from cra_pipeline.contracts.packages import EnvironmentRow
from cra_pipeline.contracts.ports import TestRunner
from cra_pipeline.contracts.workspace import Layout
from cra_pipeline.harness.workshop import Workshop
from cra_pipeline.integrations.bench import open_bench
from cra_pipeline.integrations.files import read_table
from cra_pipeline.integrations.git.repository import GitRepository

TASKS, ATTEMPTS, TRIPLES = "tasks", "attempts", "triples"


def workshop(layout: Layout, repo: str, runner: TestRunner | None) -> Workshop:
    """Everything about a repository; without a runner nothing can be run."""
    commits = read_table(layout.table("commits", repo), CommitRow)
    environments = read_table(layout.table("repo_packages", repo), EnvironmentRow)
    return Workshop(
        repository=GitRepository(layout.snapshot(repo)),
        open_bench=partial(open_bench, layout, runner),
        commits={row.sha: row for row in commits},
        environments={row.sha: row for row in environments},
    )
