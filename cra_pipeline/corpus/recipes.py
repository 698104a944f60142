"""Reading the recipes of the tiny histories, and the stream that git builds them from."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from cra_pipeline.contracts.record import Record
from cra_pipeline.corpus.recipe_format import CommitRecipe, Recipe, RecipeHeader
from cra_pipeline.corpus.recipe_trees import Tree, trees_of

TINY_WAIVERS = (
    (
        "gate_1_base_half",
        "the tiny base is random: it shows that the loop closes, and serves nobody",
    ),
)
"""What the tiny corpus' rounds go without, and why: for their records."""


class FirstRound(Record):
    """``rounds.toml``: where the tiny corpus' first round ends."""

    cut_off: datetime
    """Commits with a later committer date lie in the holdout."""
    next_cut_off: datetime
    """Of the round after it, in the demo."""

    def next_seconds(self) -> int:
        """The second round's cut-off in seconds since the epoch."""
        return int(self.next_cut_off.timestamp())

    def seconds(self) -> int:
        """The cut-off in seconds since the epoch."""
        return int(self.cut_off.timestamp())


def load_recipes(folder: Path) -> tuple[Recipe, ...]:
    """All recipes below ``corpus/tiny``, sorted by name; every edit was tried.

    Raises:
        ValueError: A recipe is broken; the message names the file, the commit and the fault.
    """
    recipes = tuple(read_recipe(path) for path in sorted(folder.glob("*/recipe.toml")))
    if not recipes:
        raise ValueError(f"{folder}: no */recipe.toml: expected the recipes of the tiny corpus")
    return recipes


def read_first_round(folder: Path) -> FirstRound:
    """The cut-off date that ``rounds.toml`` gives.

    Raises:
        ValueError: The file is no TOML or of another shape.
    """
    path = folder / "rounds.toml"
    return FirstRound.parse_json(_as_json(_read_toml(path)), where=str(path))


def read_recipe(path: Path) -> Recipe:
    """One recipe; its edits are tried, so that a broken one is refused here.

    Raises:
        ValueError: The recipe is broken; the message names the file, the commit and the fault.
    """
    table = _read_toml(path)
    people = table.pop("people", {})
    commits = tuple(
        _commit(path, number, dict(raw), people)
        for number, raw in enumerate(table.pop("commits", []), 1)
    )
    header = RecipeHeader.parse_json(_as_json(table), where=str(path))
    if header.name != path.parent.name:
        raise ValueError(f"{path}: name {header.name!r} differs from its folder: make them equal")
    recipe = Recipe(**header.model_dump(), where=str(path), commits=commits)
    trees_of(recipe)
    return recipe


def fast_import_stream(recipe: Recipe) -> bytes:
    """What ``git fast-import`` reads to build branch ``main``; equal recipes give equal bytes.

    Raises:
        ValueError: An edit does not fit; the message names file and commit.
    """
    trees = trees_of(recipe)
    marks = {commit.id: number for number, commit in enumerate(recipe.commits, 1)}
    parts: list[bytes] = []
    for number, commit in enumerate(recipe.commits):
        parents = recipe.parents(number)
        before: Tree = trees[parents[0]] if parents else {}
        parts.extend(_commit_lines(commit, [marks[name] for name in parents], marks[commit.id]))
        parts.extend(_change_lines(before, trees[commit.id]))
    return b"".join((*parts, b"done\n"))


def _commit_lines(commit: CommitRecipe, parents: list[int], mark: int) -> Iterator[bytes]:
    if not parents:
        # Without a reset the new root would continue the branch.
        yield b"reset refs/heads/main\n\n"
    yield b"commit refs/heads/main\nmark :%d\n" % mark
    yield f"author {commit.by} {_git_date(commit.at)}\n".encode()
    yield f"committer {commit.by} {_git_date(commit.committed_at)}\n".encode()
    yield _data(commit.message.strip().encode() + b"\n")
    for word, parent in zip([b"from", *[b"merge"] * len(parents)], parents, strict=False):
        yield b"%s :%d\n" % (word, parent)


def _change_lines(before: Tree, after: Tree) -> Iterator[bytes]:
    for path in sorted(set(before) - set(after)):
        yield b"D %s\n" % _quoted(path)
    for path, blob in after.items():
        old = before.get(path)
        if old is not None and (old.mode, old.content) == (blob.mode, blob.content):
            continue
        if blob.mode == "160000":
            yield b"M 160000 %s %s\n" % (blob.content, _quoted(path))
        else:
            yield b"M %s inline %s\n" % (blob.mode.encode(), _quoted(path))
            yield _data(blob.content)
    yield b"\n"


def _data(content: bytes) -> bytes:
    return b"data %d\n%s\n" % (len(content), content)


def _quoted(path: str) -> bytes:
    return json.dumps(path, ensure_ascii=False).encode("utf-8", "surrogateescape")


def _git_date(moment: datetime) -> str:
    offset = (moment.utcoffset() or timedelta()) // timedelta(minutes=1)
    sign = "-" if offset < 0 else "+"
    hours, minutes = divmod(abs(offset), 60)
    return f"{int(moment.timestamp())} {sign}{hours:02d}{minutes:02d}"


def _commit(
    path: Path, number: int, raw: dict[str, Any], people: Mapping[str, str]
) -> CommitRecipe:
    raw["by"] = people.get(raw.get("by", ""), raw.get("by"))
    name = raw.get("id", f"number {number}")
    return CommitRecipe.parse_json(_as_json(raw), where=f"{path}: commit {name!r}")


def _read_toml(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except tomllib.TOMLDecodeError as error:
        raise ValueError(f"{path}: no TOML: {error}") from error


def _as_json(table: Mapping[str, Any]) -> str:
    # JSON, because strict records accept its arrays and dates but not Python's lists and datetimes.
    return json.dumps(table, default=lambda value: value.isoformat())
