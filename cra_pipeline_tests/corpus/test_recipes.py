"""The recipes of the tiny corpus as a whole: what they hold, and how broken ones are refused."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from cra_pipeline.corpus.recipe_format import ADMITTED, CommitRecipe, Recipe
from cra_pipeline.corpus.recipes import (
    fast_import_stream,
    load_recipes,
    read_first_round,
    read_recipe,
)
from cra_pipeline.integrations.git.fast_import import build_repository

TINY = Path(__file__).parents[2] / "corpus" / "tiny"

HEADS = {
    "byteshelf": "c42cd0e84f64b77a776df57e2bfb28c65f9b79ce",
    "eventlog": "3e40ec15e20ae4cf2e4fca365c0afb5178fc70e6",
    "fieldcheck": "80339cbbeb6f3e797de5e631d483d611061cd39d",
    "gridprint": "8fe17c6b04d639b53e01ab0792de9ade8e4785b3",
    "pocketini": "9d0fac35a4fac0f50ab88f47478e6e0c2b861076",
    "slugline": "07b69dc4abd9ec18c6b319752c6812e5a2003105",
    "tryagain": "f357768c7b83fc02658339440ecda7065f1fa219",
}
"""Ids of the heads; they change with any byte of any commit of a history."""

MARKED_TRAPS = {
    "all-flaky", "back-dated", "binary-file", "binary-only", "bot", "breaks-another-test",
    "ci-only", "conventional-prefix", "crlf-file", "dependency-bump", "docs-only", "empty-commit",
    "flaky-by-hash-seed", "flaky-by-order", "green-before", "hanging-test", "inflected-verb",
    "latin-1-file", "many-files-nothing-new", "merge", "mode-only", "needs-network",
    "no-environment", "no-source-file", "no-tests", "noun-message", "old-dependency",
    "path-not-utf8", "python-not-text", "release", "rename-with-edit", "revert", "root-commit",
    "several-roots", "short-message", "submodule", "symlink", "tests-that-add-nothing",
    "too-large", "too-many-files", "vague-message", "window", "writes-outside",
}  # fmt: skip

FATES = {
    "admitted", "all_tests_flaky", "binary_only", "bot_author", "ci_only", "dependency_bump",
    "docs_only", "empty", "gold_breaks_tests", "gold_fails", "gold_timed_out",
    "joined_into_window", "many_files_nothing_new", "merge", "message_not_imperative",
    "message_too_short", "message_vague", "no_environment", "no_fail_to_pass",
    "no_mutant_killed", "no_python", "no_source_file", "no_tests", "path_not_utf8",
    "python_not_text", "release", "revert", "root_commit", "submodules_only", "symlinks_only",
    "too_many_files", "too_many_lines",
}  # fmt: skip


@pytest.fixture(scope="module")
def recipes() -> tuple[Recipe, ...]:
    return load_recipes(TINY)


def commits(recipes: tuple[Recipe, ...]) -> list[CommitRecipe]:
    return [commit for recipe in recipes for commit in recipe.commits]


def test_histories_are_the_same_to_the_commit_id(
    recipes: tuple[Recipe, ...], tmp_path: Path
) -> None:
    heads = {
        recipe.name: build_repository(tmp_path / f"{recipe.name}.git", fast_import_stream(recipe))
        for recipe in recipes
    }

    assert heads == HEADS


def test_stream_is_pure(recipes: tuple[Recipe, ...]) -> None:
    again = load_recipes(TINY)

    assert [fast_import_stream(recipe) for recipe in recipes] == [
        fast_import_stream(recipe) for recipe in again
    ]


def test_seven_repositories_of_seven_domains_one_held_out(recipes: tuple[Recipe, ...]) -> None:
    assert len(recipes) == 7
    assert len({recipe.domain for recipe in recipes}) == 7
    assert [recipe.name for recipe in recipes if recipe.held_out] == ["eventlog"]
    assert len(commits(recipes)) >= 160


def test_enough_tasks_lie_in_the_holdout(recipes: tuple[Recipe, ...]) -> None:
    cut_off = read_first_round(TINY).seconds()
    tasks = [
        recipe.held_out or commit.committed_at.timestamp() > cut_off
        for recipe in recipes
        for commit in recipe.commits
        if commit.fate == ADMITTED
    ]

    assert 75 <= len(tasks) <= 95
    assert sum(tasks) >= 35
    assert len(tasks) - sum(tasks) >= 35


def test_every_trap_is_in(recipes: tuple[Recipe, ...]) -> None:
    assert {trap for commit in commits(recipes) for trap in commit.traps} == MARKED_TRAPS


def test_every_fate_occurs(recipes: tuple[Recipe, ...]) -> None:
    assert {commit.fate for commit in commits(recipes)} == FATES


def test_all_kinds_of_tasks_occur(recipes: tuple[Recipe, ...]) -> None:
    kinds = Counter(commit.kind for commit in commits(recipes) if commit.fate == ADMITTED)

    assert kinds["tests-only"] >= 5
    assert kinds["source-only"] >= 1
    assert kinds["source-and-tests"] >= 60


def test_committer_dates_tell_the_commits_of_a_repository_apart(
    recipes: tuple[Recipe, ...],
) -> None:
    for recipe in recipes:
        moments = [commit.committed_at.timestamp() for commit in recipe.commits]

        assert len(set(moments)) == len(moments), recipe.name


HEADER = 'name = "x"\ndomain = "parsing"\nlicence = "MIT"\nabout = "For a test."\n'
ROOT = """
[[commits]]
id = "start"
by = "A <a@x.example>"
at = 2020-01-01T00:00:00Z
message = "Start"
fate = "root_commit"

[[commits.edits]]
path = "a.txt"
write = "one one\\n"
"""


def next_commit(lines: str) -> str:
    """A second commit with the given lines at its end."""
    return (
        '[[commits]]\nid = "second"\nby = "A <a@x.example>"\nat = 2020-01-02T00:00:00Z\n'
        f'message = "Go on"\nfate = "no_python"\n{lines}\n'
    )


def edit(lines: str) -> str:
    return next_commit(f'[[commits.edits]]\npath = "a.txt"\n{lines}')


BROKEN = {
    "unknown field": (next_commit('colour = "red"'), "'second'.*colour.*Extra inputs"),
    "unknown field of an edit": (edit('wrote = "x"'), "'second'.*wrote.*Extra inputs"),
    "no operation": (edit(""), "'second'.*a.txt: one of write.*got none"),
    "two operations": (edit('write = "x"\ndelete = true'), "'second'.*got write, delete"),
    "search without replace": (edit('search = "one"'), "'second'.*come together"),
    "search text absent": (
        edit('search = "two"\nreplace = "x"'),
        "'second'.*a.txt: the search text occurs 0 times, expected once: 'two'",
    ),
    "search text ambiguous": (
        edit('search = "one"\nreplace = "x"'),
        "'second'.*a.txt: the search text occurs 2 times",
    ),
    "empty search text": (edit('search = ""\nreplace = "x"'), "'second'.*occurs 0 times"),
    "absent file": (
        next_commit('[[commits.edits]]\npath = "b.txt"\ndelete = true'),
        "'second'.*b.txt is not in the tree",
    ),
    "path that leaves the tree": (
        next_commit('[[commits.edits]]\npath = "../b.txt"\nwrite = "x"'),
        "'second'.*'../b.txt' leaves the tree",
    ),
    "no base64": (edit('base64 = "?"'), "'second'.*a.txt: no base64"),
    "gitlink that is no id": (edit('gitlink = "abc"'), "'second'.*no commit id"),
    "unknown parent": (next_commit('parents = ["third"]'), "'second'.*'third' is no earlier"),
    "unknown window": (next_commit('window = ["third"]'), "'second'.*'third' is no earlier"),
    "id taken": (next_commit("").replace("second", "start"), "'start'.*id is taken"),
    "unknown person": (
        next_commit("").replace("A <a@x.example>", "bob"),
        "'second'.*'bob' is neither one of",
    ),
    "date without offset": (
        next_commit("").replace("T00:00:00Z", "T00:00:00"),
        "'second'.*no offset",
    ),
    "kind of what is no task": (next_commit('kind = "source-only"'), "'second'.*'kind' tells"),
    "second root that nothing merges": (next_commit("parents = []"), "'start' is not reached"),
    "no TOML": ("= 1", "no TOML"),
}


@pytest.mark.parametrize(("lines", "words"), BROKEN.values(), ids=BROKEN)
def test_broken_recipe_is_refused(lines: str, words: str, tmp_path: Path) -> None:
    path = tmp_path / "x" / "recipe.toml"
    path.parent.mkdir()
    path.write_text(HEADER + ROOT + lines)

    with pytest.raises(ValueError, match=words) as caught:
        read_recipe(path)
    assert str(caught.value).startswith(str(path))


def test_frame_of_the_broken_recipes_is_sound(tmp_path: Path) -> None:
    path = tmp_path / "x" / "recipe.toml"
    path.parent.mkdir()
    path.write_text(HEADER + ROOT + edit('search = "one one"\nreplace = "x"'))

    assert len(read_recipe(path).commits) == 2


@pytest.mark.parametrize(
    ("header", "words"),
    [
        (HEADER.replace('"x"', '"y"'), "'y' differs from its folder"),
        (HEADER.replace('"x"', '"X/Y"'), "'X/Y' is no slug"),
        (HEADER + "stars = 5\n", "stars: Extra inputs"),
    ],
)
def test_broken_header_is_refused(header: str, words: str, tmp_path: Path) -> None:
    path = tmp_path / "x" / "recipe.toml"
    path.parent.mkdir()
    path.write_text(header + ROOT)

    with pytest.raises(ValueError, match=words):
        read_recipe(path)


def test_folder_without_recipes_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="expected the recipes"):
        load_recipes(tmp_path)


def test_history_without_commits_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "x" / "recipe.toml"
    path.parent.mkdir()
    path.write_text(HEADER)

    with pytest.raises(ValueError, match=r"no \[\[commits\]\]"):
        read_recipe(path)
