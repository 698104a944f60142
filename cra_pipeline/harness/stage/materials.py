"""A task taken apart for an agent that works in a repository of its own."""

from __future__ import annotations

from pathlib import PurePosixPath

from cra_pipeline.contracts.tasks import TaskRow
from cra_pipeline.contracts.workspace import Layout
from cra_pipeline.harness.selection import steers
from cra_pipeline.harness.workshop import Workshop
from cra_pipeline.integrations.agents.supplies import Materials
from cra_pipeline.integrations.bench import environment_folder
from cra_pipeline.integrations.git.repository import GitRepository


def materials_of(layout: Layout, repo: str, shop: Workshop, task: TaskRow) -> Materials:
    """What an agent's backend needs of a task.

    Raises:
        GitError: The snapshot lacks an object.
    """
    problem = shop.problem(task)
    environment = shop.environments[task.sha]
    hidden = frozenset(problem.hidden.paths)
    snapshot = layout.snapshot(repo)
    after = {**problem.gold.after, **problem.hidden.after}
    others = [path for path in after if path not in hidden and not path.endswith(".py")]
    return Materials(
        snapshot=snapshot,
        before={**problem.gold.before, **problem.hidden.before},
        after=after,
        hidden=hidden,
        steering=frozenset(path for path in hidden if steers(path)),
        environment=environment,
        env_folder=environment_folder(layout, environment),
        read_by_tests=_named(GitRepository(snapshot), task.base_sha, others),
    )


def _named(repository: GitRepository, base: str, paths: list[str]) -> frozenset[str]:
    """Those of the paths that a test of the base names whole, such as a page of documentation."""
    if not paths:
        return frozenset()
    tests = repository.texts(base, _is_test)
    return frozenset(path for path in paths if any(path in text for text in tests.values()))


def _is_test(path: str) -> bool:
    place = PurePosixPath(path)
    return place.suffix == ".py" and any("test" in part for part in place.parts)
