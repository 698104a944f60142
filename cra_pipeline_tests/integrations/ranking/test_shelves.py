"""What is known of a repository's files when an agent asks."""

from __future__ import annotations

from pathlib import Path

import pytest

from cra_pipeline.errors import GitError
from cra_pipeline.integrations.ranking.histories import asking_commits
from cra_pipeline.integrations.ranking.lists import file_lists
from cra_pipeline.integrations.ranking.shelves import Shelf, Shelves
from cra_pipeline.ranking.candidates import CandidatePolicy
from cra_pipeline.ranking.messages import CommitPolicy, TaskText
from cra_pipeline_tests.integrations.ranking.histories_made import made_history

TASK = TaskText("Parse all lines at once", "One by one was slow.")


def test_a_shelf_knows_what_a_list_of_the_same_commit_knows(tmp_path: Path) -> None:
    repo, shas = made_history(tmp_path)
    asked = asking_commits(repo, "HEAD", newest=9, policy=CommitPolicy())
    (listed,) = [
        file for file in next(iter(file_lists(asked, CandidatePolicy()))).files if file.touched
    ]
    found = Shelf(repo, shas[0]).find(TASK, "pkg/parser.py")

    assert found is not None
    assert found.signals.ranks == listed.found.ranks
    assert found.signals.text == listed.found.text
    assert found.prompt.split("\n")[:5] == listed.prompt.split("\n")[:5]


def test_tests_and_unknown_files_are_not_known(tmp_path: Path) -> None:
    shelf = Shelf(made_history(tmp_path)[0])

    assert shelf.find(TASK, "tests/test_parser.py") is None
    assert shelf.find(TASK, "pkg/absent.py") is None


def test_a_shelf_stands_at_its_revision(tmp_path: Path) -> None:
    repo, shas = made_history(tmp_path)

    assert Shelf(repo, shas[0]).find(TASK, "pkg/new.py") is None
    assert Shelf(repo, shas[1]).find(TASK, "pkg/new.py") is not None


def test_an_unknown_revision_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(GitError, match="ended with"):
        Shelf(made_history(tmp_path)[0], "absent").find(TASK, "pkg/new.py")


def test_attempts_have_their_own_base_and_others_the_one_for_all(tmp_path: Path) -> None:
    repo, shas = made_history(tmp_path)
    whole = Shelf(repo)
    shelves = Shelves(whole)
    shelves.add("a1", repo, shas[0])
    shelves.add("a2", repo, shas[0])
    own = shelves.of("a1")

    assert own is not None
    assert own is shelves.of("a2")
    assert own is not whole
    assert shelves.of("other") is whole

    shelves.remove("a1")
    shelves.remove("a1")

    assert shelves.of("a1") is whole
    assert Shelves().of("a1") is None
