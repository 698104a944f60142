"""The whole pipeline is held to the fate that each recipe foretells for each of its commits.

The filter's verdicts are taken straight from the tiny histories; the fates of tasks come from one
run of ``cra-pipeline demo`` in a workspace of its own.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from cra_pipeline.commits import cascade
from cra_pipeline.commits.policy import FilterPolicy
from cra_pipeline.commits.rules import FROM_FILES, FROM_LINES, FROM_SYMBOLS, FROM_TREE, FROM_WALK
from cra_pipeline.commits.stage import judge_history
from cra_pipeline.contracts.commits import CommitRow
from cra_pipeline.contracts.tasks import TaskRow
from cra_pipeline.contracts.workspace import Layout
from cra_pipeline.corpus.recipe_format import ADMITTED, CommitRecipe, Recipe
from cra_pipeline.corpus.recipes import fast_import_stream, load_recipes
from cra_pipeline.integrations.files import read_table
from cra_pipeline.integrations.git.fast_import import build_repository

RECIPES = load_recipes(Path(__file__).parents[2] / "corpus" / "tiny")
NAMES = [recipe.name for recipe in RECIPES]
STEPS = {
    "FROM_WALK": FROM_WALK,
    "FROM_FILES": FROM_FILES,
    "FROM_LINES": FROM_LINES,
    "FROM_SYMBOLS": FROM_SYMBOLS,
    "FROM_TREE": FROM_TREE,
}
RULES = [rule.name for step in STEPS.values() for rule in step]
OF_FILTER = {*RULES, "joined_into_window"}

Judge = Callable[[Recipe], dict[int, CommitRow]]


@pytest.fixture(scope="module")
def clones(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("tiny")
    for recipe in RECIPES:
        build_repository(folder / recipe.name, fast_import_stream(recipe))
    return {name: folder / name for name in NAMES}


def verdicts(
    clones: dict[str, Path], recipe: Recipe, policy: FilterPolicy | None = None
) -> dict[int, CommitRow]:
    """The filter's rows by committer date, which tells the commits of a recipe apart."""
    rows = judge_history(
        clones[recipe.name], recipe.name, policy=policy or FilterPolicy(), revision="HEAD"
    )
    return {row.committed_at: row for row in rows}


def instant(commit: CommitRecipe) -> int:
    return int(commit.committed_at.timestamp())


def filter_fate(commit: CommitRecipe) -> str:
    """What the filter alone has to say: later fates are decided on qualified commits."""
    return commit.fate if commit.fate in OF_FILTER else ""


def surprises(recipe: Recipe, rows: dict[int, CommitRow]) -> list[str]:
    return [
        f"{recipe.name}/{commit.id}: {rows[instant(commit)].reason!r}, not {filter_fate(commit)!r}"
        for commit in recipe.commits
        if rows[instant(commit)].reason != filter_fate(commit)
    ]


@pytest.mark.parametrize("recipe", RECIPES, ids=NAMES)
def test_filter_gives_every_commit_its_fate(recipe: Recipe, clones: dict[str, Path]) -> None:
    rows = verdicts(clones, recipe)

    assert len(rows) == len(recipe.commits)
    assert surprises(recipe, rows) == []


@pytest.mark.parametrize("recipe", RECIPES, ids=NAMES)
def test_planning_types_and_windows_are_as_foretold(
    recipe: Recipe, clones: dict[str, Path]
) -> None:
    rows = verdicts(clones, recipe)
    typed = {c.id: rows[instant(c)].type for c in recipe.commits if c.type is not None}
    windows = {c.id: len(rows[instant(c)].window) for c in recipe.commits if c.window}

    assert typed == {c.id: c.type for c in recipe.commits if c.type is not None}
    assert windows == {c.id: len(c.window) + 1 for c in recipe.commits if c.window}


@pytest.mark.parametrize("rule", RULES)
def test_without_any_one_rule_a_fate_changes(
    rule: str, clones: dict[str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, step in STEPS.items():
        monkeypatch.setattr(cascade, name, tuple(item for item in step if item.name != rule))
    touched = [r for r in RECIPES if any(commit.fate == rule for commit in r.commits)]
    changed = [line for recipe in touched for line in surprises(recipe, verdicts(clones, recipe))]

    assert changed, f"no recipe holds a commit that only {rule} rejects"


def test_without_windows_a_fate_changes(clones: dict[str, Path]) -> None:
    alone = FilterPolicy(window_commits=0)

    assert [
        line for recipe in RECIPES for line in surprises(recipe, verdicts(clones, recipe, alone))
    ]


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Layout]:
    """Workspace of one ``cra-pipeline demo``; CRA_PIPELINE_DEMO names one that is made already."""
    if made := os.environ.get("CRA_PIPELINE_DEMO"):
        yield Layout(Path(made).resolve())
        return
    root = tmp_path_factory.mktemp("demo")
    command = [str(Path(sys.executable).with_name("cra-pipeline")), "demo"]
    settings = os.environ | {"CRA_PIPELINE_HOME": str(root), "DAGSTER_HOME": str(root)}
    done = subprocess.run(command, env=settings, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    yield Layout(root)


# Both rounds of the demo are run for it, which takes minutes: `make test-all` does.
@pytest.mark.real
@pytest.mark.slow
@pytest.mark.parametrize("recipe", RECIPES, ids=NAMES)
def test_pipeline_gives_every_commit_its_fate(recipe: Recipe, demo: Layout) -> None:
    tasks = {row.committed_at: row for row in read_table(demo.table("tasks", recipe.name), TaskRow)}
    judged = [commit for commit in recipe.commits if not filter_fate(commit)]
    ends = {c.id: tasks[instant(c)].reason or ADMITTED for c in judged}
    evidence = {c.id: tasks[instant(c)].evidence for c in judged if ends[c.id] != c.fate}
    admitted = [commit for commit in judged if commit.fate == ADMITTED]

    assert ends == {c.id: c.fate for c in judged}, evidence
    assert {c.id: tasks[instant(c)].kind for c in admitted} == {c.id: c.kind for c in admitted}
    assert {c.id: tasks[instant(c)].quarantined for c in admitted} == {
        c.id: c.quarantined for c in admitted
    }
    assert len(tasks) == len(judged)
