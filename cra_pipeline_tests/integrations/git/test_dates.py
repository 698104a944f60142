"""Dates and parents of a history, and changes that are the same under another commit id."""

from __future__ import annotations

from pathlib import Path

import pytest

from cra_pipeline.errors import GitError
from cra_pipeline.integrations.git import dates
from cra_pipeline.integrations.git.dates import dated_commits, patch_ids
from cra_pipeline.integrations.git.fast_import import build_repository
from cra_pipeline.integrations.git.run import git
from cra_pipeline_tests.histories import FIRST

BASE = "".join(f"line {number}\n" for number in range(9))


def commit(branch: str, date: int, text: str, *more: str) -> str:
    """One commit that sets ``a.py``; ``more`` are further commands, such as parents."""
    head = f"commit refs/heads/{branch}\ncommitter A <a@x.example> {date} +0000\ndata 1\nx\n"
    return "".join([head, *more, f"M 100644 inline a.py\ndata {len(text)}\n{text}\n"])


@pytest.fixture
def snapshot(tmp_path: Path) -> Path:
    """Two branches with the same change at other lines, a back-dated child, and their merge."""
    changed = BASE.replace("line 4", "line four")
    spaced = f"first\n{BASE}".replace("line 4", "line  four")
    story = [
        commit("main", FIRST, BASE),
        commit("side", FIRST + 10, f"first\n{BASE}", "from refs/heads/main\n"),
        commit("side", FIRST + 20, spaced),
        commit("main", FIRST - 50, changed),
        commit("main", FIRST + 30, changed, "merge refs/heads/side\n"),
        "done\n",
    ]
    build_repository(tmp_path / "repo.git", "".join(story).encode())
    return tmp_path / "repo.git"


def named(snapshot: Path) -> dict[str, str]:
    """Commit ids by what they are."""
    ids = {
        "merge": "main",
        "changed": "main^1",
        "spaced": "main^2",
        "first": "main^2^",
        "root": "main^1^",
    }
    return {
        name: git(snapshot, "rev-parse", revision).decode().strip()
        for name, revision in ids.items()
    }


def test_children_come_before_their_parents_whatever_their_dates_say(snapshot: Path) -> None:
    ids = named(snapshot)
    found = dated_commits(snapshot, "main")
    order = list(found)

    assert set(order) == set(ids.values())
    assert all(
        order.index(sha) < order.index(parent)
        for sha, (_, parents) in found.items()
        for parent in parents
    )
    assert found[ids["changed"]] == (FIRST - 50, (ids["root"],))
    assert found[ids["merge"]] == (FIRST + 30, (ids["changed"], ids["spaced"]))
    assert found[ids["root"]] == (FIRST, ())


def test_only_what_the_revision_reaches_is_told(snapshot: Path) -> None:
    ids = named(snapshot)

    assert set(dated_commits(snapshot, ids["changed"])) == {ids["changed"], ids["root"]}


def test_an_unknown_revision_is_an_error(snapshot: Path) -> None:
    with pytest.raises(GitError, match="0123456"):
        dated_commits(snapshot, "0123456" + "0" * 33)


def test_a_change_has_one_id_wherever_it_was_picked_to(snapshot: Path) -> None:
    ids = named(snapshot)
    found = patch_ids(snapshot, ids.values())

    assert found[ids["changed"]] == found[ids["spaced"]]
    assert len({found[ids[name]] for name in ("root", "first", "changed")}) == 3
    assert ids["merge"] not in found


def test_changes_asked_in_portions_have_the_same_ids(
    snapshot: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ids = sorted(named(snapshot).values())
    whole = patch_ids(snapshot, ids)
    monkeypatch.setattr(dates, "_COMMITS_PER_CALL", 2)

    assert patch_ids(snapshot, ids) == whole
    assert patch_ids(snapshot, []) == {}


def test_a_missing_commit_is_an_error(snapshot: Path) -> None:
    with pytest.raises(GitError):
        patch_ids(snapshot, ["1" * 40])
