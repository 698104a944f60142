"""Commits that ask, each with the tree before it."""

from __future__ import annotations

from pathlib import Path

import pytest

from cra_pipeline.errors import GitError
from cra_pipeline.integrations.ranking.histories import asking_commits
from cra_pipeline.integrations.ranking.lists import file_lists
from cra_pipeline.ranking.candidates import CandidatePolicy
from cra_pipeline.ranking.messages import CommitPolicy
from cra_pipeline.ranking.signals import Past
from cra_pipeline_tests.histories import FIRST
from cra_pipeline_tests.integrations.ranking.histories_made import MODULES, made_history


def test_small_changes_of_sources_ask_and_others_do_not(tmp_path: Path) -> None:
    repo, shas = made_history(tmp_path)
    found = list(asking_commits(repo, "HEAD", newest=9, policy=CommitPolicy()))

    assert [one.commit.sha for one in found] == [shas[1], shas[4]]
    assert [one.touched for one in found] == [("pkg/parser.py",), ("pkg/writer.py",)]


def test_a_commit_is_asked_in_the_tree_and_history_of_its_parent(tmp_path: Path) -> None:
    repo, _ = made_history(tmp_path)
    first, last = asking_commits(repo, "HEAD", newest=9, policy=CommitPolicy())

    assert [file.path for file in first.files] == sorted(f"pkg/{name}.py" for name in MODULES)
    assert "parse_lines" not in first.files[4].defines
    assert "pkg/new.py" in {file.path for file in last.files}
    assert last.past["pkg/parser.py"] == Past(2, FIRST + 3600)
    assert last.past["pkg/writer.py"] == Past(1, FIRST)


def test_the_newest_are_taken_where_not_all_are_wanted(tmp_path: Path) -> None:
    repo, shas = made_history(tmp_path)
    found = asking_commits(repo, "HEAD", newest=1, policy=CommitPolicy())

    assert [one.commit.sha for one in found] == [shas[4]]


def test_a_shallow_clone_is_refused(tmp_path: Path) -> None:
    repo, shas = made_history(tmp_path)
    (repo / "shallow").write_text(shas[0] + "\n")

    with pytest.raises(GitError, match="shallow"):
        list(asking_commits(repo, "HEAD", newest=9, policy=CommitPolicy()))


def test_a_list_holds_every_file_with_its_kind_signals_and_question(tmp_path: Path) -> None:
    repo, _ = made_history(tmp_path)
    asked = asking_commits(repo, "HEAD", newest=9, policy=CommitPolicy())
    first, last = file_lists(asked, CandidatePolicy(near=1, alike=1, drawn=1, further=1))
    kinds = [file.kind for file in first.files]

    assert (first.task.subject, first.task.detail) == (
        "Parse all lines at once", "One by one was slow.",
    )  # fmt: skip
    assert sorted(kinds) == ["alike", "drawn", "further", "near", "other", "other", "touched"]
    assert [file.path for file in first.files if file.touched] == ["pkg/parser.py"]
    assert all(f"File: {file.path}\n" in file.prompt for file in first.files)
    assert first.hard
    assert last.files[-1].found.changes == 1
