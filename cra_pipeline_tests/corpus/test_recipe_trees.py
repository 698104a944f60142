"""Trees computed from edits: stored forms, renames and merges."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from cra_pipeline.corpus.recipe_format import CommitRecipe, Edit, Recipe
from cra_pipeline.corpus.recipe_trees import Blob, Tree, trees_of


def commit(name: str, *edits: Edit, parents: tuple[str, ...] | None = None) -> CommitRecipe:
    return CommitRecipe(
        id=name,
        by="A <a@x.example>",
        at=datetime(2020, 1, 1, tzinfo=UTC),
        parents=parents,
        message="Go on",
        fate="no_python",
        edits=edits,
    )


def write(path: str, text: str, **fields: Any) -> Edit:  # noqa: ANN401  # fields of Edit
    return Edit(path=path, write=text, **fields)


def last_tree(*commits: CommitRecipe) -> Tree:
    recipe = Recipe(
        name="x", domain="parsing", licence="MIT", about="", where="x.toml", commits=commits
    )
    return trees_of(recipe)[commits[-1].id]


def contents(tree: Tree) -> dict[str, bytes]:
    return {path: blob.content for path, blob in tree.items()}


def test_later_edits_keep_line_ends_and_encoding() -> None:
    tree = last_tree(
        commit("a", write("x.py", "é\nb\n", newline="crlf", encoding="latin-1")),
        commit("b", Edit(path="x.py", search="é\nb", replace="ö\nc")),
        commit("c", Edit(path="x.py", append="ü\n")),
    )

    assert tree["x.py"].content == b"\xf6\r\nc\r\n\xfc\r\n"


def test_renamed_file_can_be_edited_in_the_same_commit() -> None:
    tree = last_tree(
        commit("a", write("old.py", "one\n")),
        commit(
            "b",
            Edit(path="new.py", rename_from="old.py"),
            Edit(path="new.py", search="one", replace="two"),
        ),
    )

    assert contents(tree) == {"new.py": b"two\n"}


def test_modes_tell_scripts_links_and_submodules() -> None:
    tree = last_tree(
        commit(
            "a",
            write("run", "x\n", executable=True),
            Edit(path="link", symlink="run"),
            Edit(path="sub", gitlink="1" * 40),
            Edit(path="bytes", base64="AAE="),
        )
    )

    assert {path: (blob.mode, blob.content) for path, blob in tree.items()} == {
        "bytes": ("100644", b"\x00\x01"),
        "link": ("120000", b"run"),
        "run": ("100755", b"x\n"),
        "sub": ("160000", b"1" * 40),
    }


def test_path_may_be_stored_as_latin_1() -> None:
    tree = last_tree(commit("a", write("é.py", "", path_encoding="latin-1")))

    assert [path.encode("utf-8", "surrogateescape") for path in tree] == [b"\xe9.py"]


FORK = commit("a", write("ours", "1"), write("theirs", "1"), write("gone", "1"))
SIDE = commit("b", write("theirs", "2"), write("new", "2"), Edit(path="gone", delete=True))
MAIN = commit("c", write("ours", "3"), parents=("a",))


def test_merge_takes_what_the_other_side_changed_since_the_fork() -> None:
    tree = last_tree(FORK, SIDE, MAIN, commit("d", parents=("c", "b")))

    assert contents(tree) == {"new": b"2", "ours": b"3", "theirs": b"2"}


def test_merge_of_a_second_root_brings_all_its_files() -> None:
    other = commit("r", write("other", "r"), parents=())
    tree = last_tree(FORK, other, commit("d", parents=("a", "r")))

    assert sorted(tree) == ["gone", "other", "ours", "theirs"]


def test_conflict_needs_an_edit() -> None:
    clash = commit("c", write("theirs", "3"), parents=("a",))
    merge = commit("d", parents=("c", "b"))

    with pytest.raises(ValueError, match=r"x.toml: commit 'd': theirs changed on both sides"):
        last_tree(FORK, SIDE, clash, merge)
    solved = merge.model_copy(update={"edits": (write("theirs", "23"),)})
    assert contents(last_tree(FORK, SIDE, clash, solved))["theirs"] == b"23"


def test_text_round_trips_through_its_stored_form() -> None:
    blob = Blob("100644", b"", "crlf", "latin-1").with_text("ä\nb\n")

    assert (blob.content, blob.text()) == (b"\xe4\r\nb\r\n", "ä\nb\n")
