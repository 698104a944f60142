"""Trees on disk hold the bytes of the commit and lead nowhere else."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from cra_pipeline.contracts.workspace import Layout
from cra_pipeline.diffs import Blob, TreeChange, unified_diff
from cra_pipeline.errors import GitError
from cra_pipeline.integrations.git.checkout import checked_out, write_layer
from cra_pipeline.integrations.git.run import git
from cra_pipeline.integrations.git.trees import (
    change,
    entries,
    files_at,
    safe_path,
)

FILES = {
    "crlf.txt": Blob("100644", b"a\r\nb\r\n"),
    "latin.py": Blob("100644", b"# caf\xe9\n"),
    "tool.sh": Blob("100755", b"#!/bin/sh\n"),
    ".gitattributes": Blob("100644", b"*.txt text eol=lf\n* filter=evil ident\n"),
    "ident.txt": Blob("100644", b"$Id$\n"),
    "pkg/mod.py": Blob("100644", b"x = 1\n"),
    "pkg/link.py": Blob("120000", b"mod.py"),
    "out": Blob("120000", b"../outside"),
    "absolute": Blob("120000", b"/etc/passwd"),
}


def committed(repo: Path, files: dict[str, Blob], parent: str | None = None) -> str:
    """A commit of these files, made by plumbing."""
    index = {"GIT_INDEX_FILE": str(repo / "test-index")}
    (repo / "test-index").unlink(missing_ok=True)
    for path, blob in files.items():
        name = "1" * 40
        if blob.mode != "160000":
            name = git(repo, "hash-object", "-w", "--stdin", stdin=blob.content).decode().strip()
        git(repo, "update-index", "--add", "--cacheinfo", f"{blob.mode},{name},{path}", extra=index)
    tree = git(repo, "write-tree", extra=index).decode().strip()
    arguments = ["-p", parent] if parent else []
    return git(repo, "commit-tree", tree, *arguments, "-m", "Work").decode().strip()


@pytest.fixture
def repo(tmp_path: Path) -> Path:
    git(None, "init", "-q", "--bare", str(tmp_path / "repo.git"))
    return tmp_path / "repo.git"


@pytest.fixture
def layout(tmp_path: Path) -> Layout:
    return Layout(tmp_path / "workspace")


def test_blobs_reach_the_disk_without_filters_attributes_or_line_ends(
    repo: Path, layout: Layout
) -> None:
    commit = committed(repo, FILES)
    with checked_out(layout, repo, commit) as tree:
        plain = [path for path, blob in FILES.items() if blob.mode != "120000"]
        contents = {path: (tree / path).read_bytes() for path in plain}
        executable = os.access(tree / "tool.sh", os.X_OK)

    assert contents == {path: FILES[path].content for path in plain}
    assert executable


def test_links_that_leave_the_tree_become_files(repo: Path, layout: Layout) -> None:
    with checked_out(layout, repo, committed(repo, FILES)) as tree:
        inside, out, absolute = tree / "pkg/link.py", tree / "out", tree / "absolute"

        assert inside.is_symlink()
        assert inside.read_text() == "x = 1\n"
        assert not out.is_symlink()
        assert out.read_bytes() == b"../outside"
        assert not absolute.is_symlink()


def test_a_link_through_a_link_cannot_leave_the_tree(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("secret")
    files = {
        "top/x": Blob("100644", b""),
        "a/b/c/up": Blob("120000", b"../../../top"),
        # By name this stays inside; by way of ``up`` it does not.
        "a/b/c/leak": Blob("120000", b"up/../../secret"),
    }
    folder = write_layer(tmp_path / "tree", files)

    assert (folder / "a/b/c/up").is_symlink()
    assert not (folder / "a/b/c/leak").is_symlink()
    assert (folder / "a/b/c/leak").read_bytes() == b"up/../../secret"


def test_a_submodule_is_an_empty_folder(repo: Path, layout: Layout) -> None:
    commit = committed(repo, {"a": Blob("100644", b""), "sub": Blob("160000", b"")})
    with checked_out(layout, repo, commit) as tree:
        assert list((tree / "sub").iterdir()) == []


@pytest.mark.parametrize(
    "path", ["../x", "a/../x", "/x", "a//b", ".git/config", "a/.GIT/hooks/x", "a\\b", ".", ""]
)
def test_paths_that_leave_the_tree_or_enter_git_are_refused(path: str) -> None:
    with pytest.raises(GitError, match="leaves the tree"):
        safe_path(path, where="here")


def test_a_tree_with_an_unsafe_path_is_refused(repo: Path, layout: Layout) -> None:
    blob = git(repo, "hash-object", "-w", "--stdin", stdin=b"x").decode().strip()
    inner = b"100644 x\0" + bytes.fromhex(blob)
    child = git(repo, "hash-object", "-t", "tree", "--literally", "-w", "--stdin", stdin=inner)
    outer = b"40000 ..\0" + bytes.fromhex(child.decode().strip())
    tree = git(repo, "hash-object", "-t", "tree", "--literally", "-w", "--stdin", stdin=outer)
    commit = git(repo, "commit-tree", tree.decode().strip(), "-m", "Evil").decode().strip()

    with pytest.raises(GitError, match="leaves the tree"), checked_out(layout, repo, commit):
        pass
    assert not [path for path in (layout.scratch / "trees").iterdir() if path.is_dir()]


def test_a_path_that_is_no_utf8_is_refused(repo: Path) -> None:
    blob = git(repo, "hash-object", "-w", "--stdin", stdin=b"x").decode().strip()
    content = b"100644 \xff\0" + bytes.fromhex(blob)
    tree = git(repo, "hash-object", "-t", "tree", "--literally", "-w", "--stdin", stdin=content)
    commit = git(repo, "commit-tree", tree.decode().strip(), "-m", "Odd").decode().strip()

    with pytest.raises(GitError, match="no UTF-8"):
        entries(repo, commit)


def test_a_missing_blob_is_named(repo: Path, layout: Layout) -> None:
    commit = committed(repo, {"a": Blob("100644", b"lost")})
    blob = entries(repo, commit)[0].blob
    (repo / "objects" / blob[:2] / blob[2:]).unlink()

    with pytest.raises(GitError, match=blob), checked_out(layout, repo, commit):
        pass


def test_a_tree_is_written_once_and_kept(repo: Path, layout: Layout) -> None:
    commit = committed(repo, FILES)
    with checked_out(layout, repo, commit) as first:
        inode = (first / "crlf.txt").stat().st_ino
    with checked_out(layout, repo, commit) as second:
        assert (second / "crlf.txt").stat().st_ino == inode
        assert (second / "crlf.txt").stat().st_nlink == 1


def test_the_cache_forgets_what_nobody_uses_and_spares_what_is_used(
    repo: Path, layout: Layout
) -> None:
    commits = [committed(repo, {"a": Blob("100644", bytes([65 + n]) * 100)}) for n in range(3)]
    with checked_out(layout, repo, commits[0], cache_bytes=150) as held:
        with checked_out(layout, repo, commits[1], cache_bytes=150) as idle:
            pass
        with checked_out(layout, repo, commits[2], cache_bytes=150) as newest:
            assert held.is_dir()
            assert not idle.is_dir()
            assert newest.is_dir()


def test_a_change_has_both_sides_of_every_path(repo: Path) -> None:
    base = committed(repo, {"a": Blob("100644", b"1"), "b": Blob("100644", b"2")})
    later = {"a": Blob("100755", b"1"), "c": Blob("100644", b"\xe9"), "s": Blob("160000", b"")}
    found = change(repo, base, committed(repo, later, base))

    assert found.paths == ("a", "b", "c", "s")
    assert found.before == {"a": Blob("100644", b"1"), "b": Blob("100644", b"2")}
    assert found.after == later
    assert found.deleted == ("b",)
    assert found.only(["c"]).paths == ("c",)


def test_a_folder_in_place_of_a_file_needs_no_deletion() -> None:
    file, other = Blob("100644", b"1"), Blob("100644", b"2")

    assert TreeChange({"a": file, "d/x": file, "e": file}, {"a/x": other, "d": other}).deleted == (
        "e",
    )


def test_files_at_a_commit_leave_out_what_it_lacks(repo: Path) -> None:
    commit = committed(repo, FILES)

    assert files_at(repo, commit, ["pkg/mod.py", "nowhere.py"]) == {
        "pkg/mod.py": FILES["pkg/mod.py"]
    }


def test_the_written_diff_of_a_commit_is_the_one_that_git_applies(
    repo: Path, tmp_path: Path
) -> None:
    base = committed(repo, FILES)
    later = FILES | {
        "crlf.txt": Blob("100644", b"a\r\nc\r\n"),
        "latin.py": Blob("100644", b"# th\xe9\n"),
    }
    found = change(repo, base, committed(repo, later, base))
    folder = write_layer(tmp_path / "tree", FILES)
    patch = unified_diff(found.before, found.after).encode()
    subprocess.run(["git", "apply", "--whitespace=nowarn"], input=patch, cwd=folder, check=True)

    assert (folder / "crlf.txt").read_bytes() == b"a\r\nc\r\n"
    assert (folder / "latin.py").read_bytes() == b"# th\xe9\n"
