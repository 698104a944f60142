"""The stream of commits keeps what histories really hold, and never ends early in silence."""

from __future__ import annotations

from pathlib import Path

import pytest

from cra_pipeline.contracts.history import ABSENT
from cra_pipeline.errors import GitError
from cra_pipeline.integrations.git.run import git
from cra_pipeline.integrations.git.walk import line_counts, message_text, text, walk
from cra_pipeline_tests.histories import FIRST, Upstream, drop_object


@pytest.fixture
def upstream(tmp_path: Path) -> Upstream:
    made = Upstream(tmp_path / "upstream")
    made.commit({"a.py": "x = 1\n", "b.txt": "b\n"}, "Start\n\nWith a body:\n:100644 in it")
    return made


def test_commits_come_newest_first_with_their_files(upstream: Upstream) -> None:
    second = upstream.commit({"a.py": "x = 2\n", 'odd "name"\n.py': "y\n"}, "Change a")
    (upstream.path / "b.txt").unlink()
    third = upstream.commit({}, "Remove b")
    commits = list(walk(upstream.path / ".git", "HEAD"))

    assert [commit.sha for commit in commits[:2]] == [third, second]
    assert commits[0].parents == (second,)
    assert commits[0].files[0].new_mode == ABSENT
    assert [change.path for change in commits[1].files] == ["a.py", 'odd "name"\n.py']
    assert commits[2].message == "Start\n\nWith a body:\n:100644 in it"
    assert commits[2].parents == ()
    assert commits[2].committed_at == FIRST


def test_empty_commits_and_merges_have_no_files(upstream: Upstream) -> None:
    upstream.run("checkout", "--quiet", "-b", "side")
    upstream.commit({"c.py": "c\n"}, "Add c")
    upstream.run("checkout", "--quiet", "main")
    empty = upstream.commit({}, "Do nothing")
    upstream.run("merge", "--quiet", "-m", "Merge side", "side")
    by_sha = {commit.sha: commit for commit in walk(upstream.path / ".git", "HEAD")}
    merge = by_sha[upstream.run("rev-parse", "HEAD")]

    assert by_sha[empty].files == ()
    assert len(merge.parents) == 2
    assert merge.files == ()
    assert len(by_sha) == 4


def test_bytes_that_are_no_utf8_become_valid_unicode(upstream: Upstream) -> None:
    (upstream.path / "caf\udce9.py").write_text("x\n")
    upstream.run("add", "--all")
    tree = upstream.run("write-tree")
    raw = (
        f"tree {tree}\nparent {upstream.run('rev-parse', 'HEAD')}\n"
        "author Ren\xe9 <r@x> 5 +0000\ncommitter C <c@x> 7 +0000\n\nCaf\xe9\n"
    ).encode("latin-1")
    clone = upstream.path / ".git"
    sha = git(clone, "hash-object", "-t", "commit", "-w", "--stdin", stdin=raw).decode().strip()
    commit = next(walk(clone, sha))

    assert (commit.author, commit.message) == ("Ren\xe9", "Caf\xe9")
    assert (commit.authored_at, commit.committed_at) == (5, 7)
    assert commit.files[0].path == "caf\\xe9.py"
    assert not commit.files[0].exact


def test_lines_are_counted_per_python_file(upstream: Upstream) -> None:
    upstream.run("mv", "a.py", "moved.py")
    moved = upstream.commit({"z.txt": "z\n"}, "Move a")
    other = upstream.commit({"z.txt": "y\n"}, "Change z")
    binary = upstream.commit({"n.py": b"\0"}, "Add n")
    counts = dict(line_counts(upstream.path / ".git", [moved, other, binary]))

    assert counts == {moved: {"a.py": (0, 1), "moved.py": (1, 0)}, binary: {"n.py": None}}


def test_no_commits_need_no_git(tmp_path: Path) -> None:
    counts = list(line_counts(tmp_path, []))

    assert not counts


def test_a_missing_tree_ends_the_walk_with_its_name(upstream: Upstream) -> None:
    upstream.commit({"d/e.py": "e\n"}, "Add e")
    clone = upstream.path / ".git"
    tree = upstream.run("rev-parse", "HEAD:d")
    drop_object(clone, tree)

    with pytest.raises(GitError, match=tree):
        list(walk(clone, "HEAD"))


def test_a_missing_blob_ends_the_count_with_its_name(upstream: Upstream) -> None:
    sha = upstream.commit({"a.py": "x = 2\n"}, "Change a")
    clone = upstream.path / ".git"
    blob = upstream.run("rev-parse", "HEAD:a.py")
    drop_object(clone, blob)

    assert len(list(walk(clone, "HEAD"))) == 2
    with pytest.raises(GitError, match=blob):
        list(line_counts(clone, [sha]))


def test_a_shallow_history_is_refused(upstream: Upstream, tmp_path: Path) -> None:
    upstream.commit({"a.py": "x = 2\n"}, "Change a")
    shallow = tmp_path / "shallow.git"
    git(None, "clone", "--quiet", "--bare", "--depth=1", f"file://{upstream.path}", str(shallow))

    with pytest.raises(GitError, match=r"shallow.*--unshallow"):
        next(walk(shallow, "HEAD"))


@pytest.mark.parametrize("revision", ["refs/heads/nowhere", "--all", "0" * 40])
def test_an_unknown_revision_is_an_error(upstream: Upstream, revision: str) -> None:
    with pytest.raises(GitError):
        list(walk(upstream.path / ".git", revision))


@pytest.mark.parametrize("cut", [20, 41, 55, 59, 62, -7, -6, -3, -1])
def test_output_that_breaks_off_is_an_error(
    upstream: Upstream, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, cut: int
) -> None:
    clone = upstream.path / ".git"
    fields = ["0" * 40, "", "A", "a@b", "1", "1", "Add it", "", "\n:0 1 a b A", "a.py", ""]
    (tmp_path / "stream").write_bytes("\0".join(fields).encode()[:cut])
    liar = tmp_path / "git"
    liar.write_text(f"#!/bin/sh\nexec cat {tmp_path}/stream\n")
    liar.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")

    with pytest.raises(GitError, match="broke off inside a commit"):
        list(walk(clone, "HEAD"))


def test_a_reader_may_stop_early(upstream: Upstream) -> None:
    stream = walk(upstream.path / ".git", "HEAD")
    first = next(stream)
    stream.close()  # type: ignore[attr-defined]  # a generator behind its interface

    assert first.files


@pytest.mark.parametrize("raw", [b"plain", "caf\xe9".encode(), b"caf\xe9", b"\xff\xfe\x00", b""])
def test_decoded_text_can_always_be_stored(raw: bytes) -> None:
    stored = (text(raw) + message_text(raw)).encode()

    assert stored.decode() == text(raw) + message_text(raw)
