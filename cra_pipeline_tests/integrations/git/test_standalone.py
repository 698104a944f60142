"""A repository of its own: clean, byte for byte, without a future and without a way back."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Mapping
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cra_pipeline.diffs import Blob
from cra_pipeline.errors import GitError, StoreError
from cra_pipeline.integrations.git import standalone
from cra_pipeline.integrations.git.run import git
from cra_pipeline.integrations.git.standalone import standalone_repository
from cra_pipeline_tests.histories import Upstream, objects_of
from cra_pipeline_tests.wheels import small_disk

FILE, SCRIPT, LINK, MODULE = "100644", "100755", "120000", "160000"


@pytest.fixture
def upstream(tmp_path: Path) -> Upstream:
    return Upstream(tmp_path / "upstream")


def made(  # noqa: PLR0913, PLR0917  # what a repository is made of
    upstream: Upstream,
    place: Path,
    base: str,
    changed: Mapping[str, Blob] | None = None,
    deleted: tuple[str, ...] = (),
    ignored: tuple[str, ...] = (),
) -> Path:
    """A standalone repository at ``place/tree``."""
    snapshot = upstream.bare(place / "snapshot.git")
    target = place / "tree"
    head = standalone_repository(
        snapshot, base, target, changed=changed or {}, deleted=deleted, ignored=ignored
    )
    assert git(target / ".git", "rev-parse", "HEAD").decode().strip() == head
    return target


def inside(tree: Path, *arguments: str, env: Mapping[str, str] | None = None) -> str:
    """Plain git in the tree, as an agent runs it; nothing of the machine's settings counts."""
    plain = {
        "PATH": os.environ["PATH"],
        "GIT_CONFIG_GLOBAL": os.devnull,
        "GIT_CONFIG_NOSYSTEM": "1",
    }
    done = subprocess.run(
        ["git", *arguments],
        cwd=tree,
        env={**plain, "HOME": os.devnull, **(env or {})},
        capture_output=True,
        check=False,
    )
    return f"{done.stdout.decode(errors='replace')}{done.stderr.decode()}".strip()


def is_clean(tree: Path) -> bool:
    return not inside(tree, "status", "--porcelain", "--untracked-files=all")


def test_no_later_object_comes_along(upstream: Upstream, tmp_path: Path) -> None:
    first = upstream.commit({"a.py": "x = 1\n"})
    base = upstream.commit({"a.py": "x = 2\n"})
    later = upstream.commit({"a.py": "x = 3\n", "b.py": "secret = 1\n"})
    upstream.tag("v1", annotated=True)
    tree = made(upstream, tmp_path, base)
    store = tree / ".git"

    assert "Not a valid object" in inside(tree, "cat-file", "-p", later)
    assert "secret" not in inside(tree, "cat-file", "--batch-all-objects", "--batch")
    assert objects_of(store) < objects_of(tmp_path / "snapshot.git")
    assert inside(tree, "log", "--all", "--format=%H").split() == [base, first]
    assert inside(tree, "for-each-ref", "--format=%(refname)") == "refs/heads/main"
    assert inside(tree, "remote") == ""
    assert not (store / "objects" / "info" / "alternates").exists()
    assert not list((store / "hooks").glob("*"))
    assert str(tmp_path / "snapshot.git") not in (store / "config").read_text()


def test_no_file_is_shared_with_the_clone(upstream: Upstream, tmp_path: Path) -> None:
    tree = made(upstream, tmp_path, upstream.commit({"a.py": "x = 1\n"}))

    assert all(path.stat().st_nlink == 1 for path in tree.rglob("*") if path.is_file())


TRICKS = {
    "line ends": "* text=auto eol=crlf\n",
    "native line ends": "*.txt text\n*.crlf text eol=lf\n",
    "a filter": "* filter=evil\n",
    "an ident": "* ident\n",
    "an encoding": "*.txt working-tree-encoding=UTF-16\n",
    "an old attribute": "* crlf=input\n",
    "a merge driver": "* merge=evil diff=evil\n",
    "export": "* export-subst export-ignore\n",
    "a macro": "[attr]mine text eol=crlf filter=evil\n*.txt mine\n",
}
EVIL = {
    "GIT_CONFIG_COUNT": "1", "GIT_CONFIG_KEY_0": "filter.evil.clean", "GIT_CONFIG_VALUE_0": "rev",
}  # fmt: skip
TEXTS: dict[str, str | bytes] = {
    "unix.txt": "a\nb\n",
    "dos.txt": "a\r\nb\r\n",
    "mixed.crlf": "a\r\nb\n",
    "ident.txt": "$Id$ $Id: 0 $\n",
    "umlaut.txt": "ä\n",
    "bytes.txt": b"\xff\xfe\0",
}


@pytest.mark.parametrize("trick", sorted(TRICKS))
def test_attributes_of_the_tree_have_no_say(upstream: Upstream, tmp_path: Path, trick: str) -> None:
    blobs = {name: Blob(FILE, _bytes(text)) for name, text in TEXTS.items()}
    base = upstream.commit({"a.py": "x = 1\n"})
    changed = {**blobs, ".gitattributes": Blob(FILE, TRICKS[trick].encode())}
    tree = made(upstream, tmp_path, base, changed)

    assert {name: (tree / name).read_bytes() for name in blobs} == {
        name: blob.content for name, blob in blobs.items()
    }
    assert inside(tree, "status", "--porcelain", env=EVIL) == ""
    # Looked at anew: the index knows nothing of the files any more.
    for name in TEXTS:
        os.utime(tree / name, (1, 1))
    assert inside(tree, "status", "--porcelain", env=EVIL) == ""
    inside(tree, "checkout", "-q", "-b", "work")
    (tree / "a.py").write_text("x = 2\n")
    inside(tree, "-c", "user.name=a", "-c", "user.email=a@b", "commit", "-qam", "Work")
    inside(tree, "reset", "-q", "--hard", "main")
    assert {name: (tree / name).read_bytes() for name in blobs} == {
        name: blob.content for name, blob in blobs.items()
    }


def _bytes(text: str | bytes) -> bytes:
    return text.encode() if isinstance(text, str) else text


LINKS = {
    "inside": b"a.py",
    "to a folder": b"pkg",
    "to nothing": b"nowhere",
    "up and back": b"pkg/../a.py",
    "out": b"../outside",
    "absolute": b"/etc/passwd",
    "through a link": b"inside-link/../../x",
}


@pytest.mark.parametrize("what", sorted(LINKS))
def test_links_stay_inside_and_the_tree_is_clean(
    upstream: Upstream, tmp_path: Path, what: str
) -> None:
    base = upstream.commit({"a.py": "x = 1\n", "pkg/b.py": "y = 1\n"})
    changed = {"link": Blob(LINK, LINKS[what]), "inside-link": Blob(LINK, b"pkg")}
    tree = made(upstream, tmp_path, base, changed)
    link = tree / "link"

    assert link.resolve().is_relative_to(tree.resolve())
    assert is_clean(tree)
    if not link.is_symlink():
        assert link.read_bytes() == LINKS[what]
    inside(tree, "reset", "-q", "--hard")
    assert link.resolve().is_relative_to(tree.resolve())


def test_modes_are_kept(upstream: Upstream, tmp_path: Path) -> None:
    base = upstream.commit({"a.py": "x = 1\n"})
    tree = made(upstream, tmp_path, base, {"run.sh": Blob(SCRIPT, b"#!/bin/sh\n")})

    assert os.access(tree / "run.sh", os.X_OK)
    assert (tree / "a.py").stat().st_mode & 0o111 == 0
    assert is_clean(tree)
    assert "100755" in inside(tree, "ls-files", "-s", "run.sh")


def test_submodules_are_empty_folders(upstream: Upstream, tmp_path: Path) -> None:
    base = upstream.commit({"a.py": "x = 1\n"})
    upstream.run("update-index", "--add", "--cacheinfo", f"{MODULE},{'1' * 40},vendored")
    upstream.run("commit", "-q", "-m", "Vendor")
    tree = made(upstream, tmp_path, upstream.run("rev-parse", "HEAD"))

    assert list((tree / "vendored").iterdir()) == []
    assert is_clean(tree)
    assert base in inside(tree, "log", "--format=%H")


def test_files_are_added_replaced_and_deleted_in_one_commit(
    upstream: Upstream, tmp_path: Path
) -> None:
    base = upstream.commit({"a.py": "x = 1\n", "old.py": "", "dir": "a file\n", "b/c.py": "1\n"})
    changed = {
        "a.py": Blob(FILE, b"x = 2\n"),
        "new/deep.py": Blob(FILE, b"y = 1\n"),
        "dir/inner.py": Blob(FILE, b"z = 1\n"),
        "b": Blob(FILE, b"now a file\n"),
        "odd name\t\n.py": Blob(FILE, b"w = 1\n"),
    }
    tree = made(upstream, tmp_path, base, changed, ("old.py", "dir", "b/c.py"))

    assert {path: (tree / path).read_bytes() for path in changed} == {
        path: blob.content for path, blob in changed.items()
    }
    assert not (tree / "old.py").exists()
    assert is_clean(tree)
    assert inside(tree, "rev-parse", "HEAD~1") == base


def test_without_a_change_the_branch_ends_at_the_base(upstream: Upstream, tmp_path: Path) -> None:
    base = upstream.commit({"a.py": "x = 1\n"})
    tree = made(upstream, tmp_path, base, {"a.py": Blob(FILE, b"x = 1\n")})

    assert inside(tree, "rev-parse", "HEAD") == base
    assert inside(tree, "symbolic-ref", "HEAD") == "refs/heads/main"


def test_the_same_input_gives_the_same_head(upstream: Upstream, tmp_path: Path) -> None:
    base = upstream.commit({"a.py": "x = 1\n"})
    changed = {"a.py": Blob(FILE, b"x = 2\n"), "out": Blob(LINK, b"/etc/passwd")}
    heads = set()
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        heads.add(inside(made(upstream, tmp_path / name, base, changed), "rev-parse", "HEAD"))

    assert len(heads) == 1


def test_what_is_generated_is_overlooked_and_nothing_else(
    upstream: Upstream, tmp_path: Path
) -> None:
    base = upstream.commit({"a.py": "x = 1\n"})
    ignored = ("gen/version.py", "odd[1]*.py", "#hash.py", "!bang.py", "end ")
    tree = made(upstream, tmp_path, base, ignored=ignored)
    for path in (*ignored, ".clean_room/raw.sqlite", "pkg/__pycache__/a.pyc"):
        (tree / path).parent.mkdir(parents=True, exist_ok=True)
        (tree / path).write_text("made")

    assert is_clean(tree)
    (tree / "odd1.py").write_text("not made")
    assert inside(tree, "status", "--porcelain") == "?? odd1.py"


def test_history_is_cut_off_behind_what_the_agent_reads(
    upstream: Upstream, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(standalone, "DEPTH", 2)
    commits = [upstream.commit({"a.py": f"x = {number}\n"}) for number in range(4)]
    tree = made(upstream, tmp_path, commits[2])

    assert inside(tree, "log", "--format=%H").split() == [commits[2], commits[1]]


def test_a_failure_leaves_nothing(upstream: Upstream, tmp_path: Path) -> None:
    base = upstream.commit({"a.py": "x = 1\n", "big.bin": "x" * 200_000})
    upstream.bare(tmp_path / "snapshot.git")
    target = tmp_path / "place" / "tree"
    with pytest.raises(GitError, match="an empty tree"):
        standalone_repository(
            tmp_path / "snapshot.git", base, target, changed={}, deleted=["a.py", "big.bin"]
        )
    with pytest.raises(GitError):
        standalone_repository(tmp_path / "snapshot.git", "1" * 40, target, changed={}, deleted=())
    with small_disk(100_000), pytest.raises(StoreError, match="free disk space"):
        standalone_repository(tmp_path / "snapshot.git", base, target, changed={}, deleted=())

    assert list(target.parent.iterdir()) == []


names = st.sampled_from(["a.py", "b.py", "pkg/a.py", "pkg/b.py", "tools/run.sh"])
blobs = st.builds(Blob, st.sampled_from([FILE, SCRIPT]), st.binary(max_size=8))


@pytest.mark.slow
@settings(max_examples=15, deadline=None)
@given(st.dictionaries(names, blobs), st.sets(names))
def test_the_tree_is_the_base_with_the_change(
    tmp_path_factory: pytest.TempPathFactory, changed: dict[str, Blob], deleted: set[str]
) -> None:
    place = tmp_path_factory.mktemp("tree")
    upstream = Upstream(place / "upstream")
    start = {"a.py": b"1\n", "pkg/a.py": b"2\n", "keep.py": b"3\n"}
    base = upstream.commit(start)
    tree = made(upstream, place, base, changed, tuple(deleted - set(changed)))
    expected = {path: text for path, text in start.items() if path not in deleted} | {
        path: blob.content for path, blob in changed.items()
    }
    found = {
        path.relative_to(tree).as_posix(): path.read_bytes()
        for path in tree.rglob("*")
        if path.is_file() and ".git" not in path.parts
    }

    assert found == expected
    assert is_clean(tree)
