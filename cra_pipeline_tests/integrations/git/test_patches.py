"""Patches apply to the byte or are refused, and leave the snapshot as it was."""

from __future__ import annotations

from pathlib import Path

import pytest

from cra_pipeline.diffs import Blob, unified_diff
from cra_pipeline.integrations.git.patches import PatchError, apply_patch
from cra_pipeline.integrations.git.run import git

BASE = {
    "a.py": Blob("100644", b"one\ntwo\n"),
    "crlf.txt": Blob("100644", b"a\r\nb\r\n"),
    "latin.py": Blob("100644", b"# caf\xe9\n"),
    "old.py": Blob("100644", b"old\n"),
    "link": Blob("120000", b"a.py"),
}


@pytest.fixture
def repo(tmp_path: Path) -> tuple[Path, str]:
    # A colon in the way: git separates alternates by it.
    repo = tmp_path / "odd:name" / "repo.git"
    git(None, "init", "-q", "--bare", str(repo))
    index = {"GIT_INDEX_FILE": str(repo / "test-index")}
    for path, blob in BASE.items():
        name = git(repo, "hash-object", "-w", "--stdin", stdin=blob.content).decode().strip()
        git(repo, "update-index", "--add", "--cacheinfo", f"{blob.mode},{name},{path}", extra=index)
    tree = git(repo, "write-tree", extra=index).decode().strip()
    return repo, git(repo, "commit-tree", tree, "-m", "Base").decode().strip()


def test_every_kind_of_change_arrives_to_the_byte(repo: tuple[Path, str], tmp_path: Path) -> None:
    after = {
        "a.py": Blob("100755", b"one\nTWO"),
        "crlf.txt": Blob("100644", b"a\r\nc\r\n"),
        "latin.py": Blob("100644", b"# th\xe9\n"),
        "new/ü.py": Blob("100644", b"new\n"),
    }
    before = {path: BASE[path] for path in ("a.py", "crlf.txt", "latin.py", "old.py")}
    patch = unified_diff(before, after).encode()
    found = apply_patch(tmp_path / "scratch", *repo, patch)

    assert found.before == before
    assert found.after == after
    assert found.deleted == ("old.py",)


def test_a_raw_latin1_text_patch_applies(repo: tuple[Path, str], tmp_path: Path) -> None:
    patch = b"--- a/latin.py\n+++ b/latin.py\n@@ -1 +1 @@\n-# caf\xe9\n+# th\xe9\n"

    assert (
        apply_patch(tmp_path / "scratch", *repo, patch).after["latin.py"].content == b"# th\xe9\n"
    )


def test_the_snapshot_is_not_written_to(repo: tuple[Path, str], tmp_path: Path) -> None:
    before = sorted(path for path in repo[0].rglob("*"))
    patch = unified_diff({}, {"n.py": Blob("100644", b"n\n")}).encode()
    apply_patch(tmp_path / "scratch", *repo, patch)

    assert sorted(path for path in repo[0].rglob("*")) == before


@pytest.mark.parametrize("patch", [b"", b"\n \n"])
def test_an_empty_patch_changes_nothing(
    repo: tuple[Path, str], tmp_path: Path, patch: bytes
) -> None:
    change = apply_patch(tmp_path / "scratch", *repo, patch)

    assert change.paths == ()


NEW = "new file mode {}\n--- /dev/null\n+++ b/{}\n@@ -0,0 +1 @@\n+x\n"


@pytest.mark.parametrize(
    ("patch", "words"),
    [
        ("no patch at all\n", "does not apply"),
        ("--- a/a.py\n+++ b/a.py\n@@ -1 +1 @@\n-nothing\n+x\n", "does not apply"),
        (f"diff --git a/l b/l\n{NEW.format('120000', 'l')}", "symbolic link"),
        (f"diff --git a/../x b/../x\n{NEW.format('100644', '../x')}", "does not apply"),
        (f"diff --git a/.git/x b/.git/x\n{NEW.format('100644', '.git/x')}", "does not apply"),
        (f"diff --git a/link/x b/link/x\n{NEW.format('100644', 'link/x')}", "does not apply"),
        (
            f"diff --git a/s b/s\n{NEW.format('160000', 's')[:-2]}Subproject commit {'1' * 40}\n",
            "submodule",
        ),
    ],
)
def test_what_a_patch_may_not_hold_is_refused(
    repo: tuple[Path, str], tmp_path: Path, patch: str, words: str
) -> None:
    with pytest.raises(PatchError, match=words):
        apply_patch(tmp_path / "scratch", *repo, patch.encode())
