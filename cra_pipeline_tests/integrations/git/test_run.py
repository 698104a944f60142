"""The only door to git: nothing around it steers it, and no failure is missed."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path
from typing import IO

import psutil
import pytest

from cra_pipeline.errors import GitError
from cra_pipeline.integrations.git.run import environment, git, git_stream
from cra_pipeline_tests.histories import Upstream, drop_object


@pytest.fixture
def upstream(tmp_path: Path) -> Upstream:
    made = Upstream(tmp_path / "lib")
    made.commit({"a.py": "x = 1\n", "ä.py": "y = 1\n"})
    made.commit({"a.py": "x = 2\n"})
    return made


def test_output_comes_back_as_it_was(upstream: Upstream) -> None:
    listing = git(upstream.path / ".git", "ls-tree", "--name-only", "HEAD")

    assert listing == "a.py\nä.py\n".encode()


def test_input_is_fed(upstream: Upstream) -> None:
    oid = git(upstream.path / ".git", "hash-object", "-w", "--stdin", stdin=b"fed")

    assert git(upstream.path / ".git", "cat-file", "blob", oid.decode().strip()) == b"fed"


def test_a_failure_carries_gits_own_words(upstream: Upstream) -> None:
    with pytest.raises(GitError, match=r"git rev-parse --verify nothing in .*Needed a single"):
        git(upstream.path / ".git", "rev-parse", "--verify", "nothing")
    with pytest.raises(GitError, match="no repository"):
        git(None, "no-such-command")


def test_a_failure_at_the_end_of_a_stream_is_not_missed(upstream: Upstream) -> None:
    bare = upstream.bare(upstream.path.parent / "bare.git")
    blob = upstream.run("rev-parse", "HEAD~:a.py")
    drop_object(bare, blob)
    lines: list[bytes] = []

    with (
        pytest.raises(GitError, match=f"ended with 128: .*{blob}"),
        git_stream(bare, "log", "--numstat", "HEAD") as stream,
    ):
        lines.extend(stream)

    assert lines


def test_a_stream_left_half_read_ends_its_process(upstream: Upstream) -> None:
    oids = b"HEAD:a.py\n" * 50_000
    feed = upstream.path / "feed"
    feed.write_bytes(oids)
    others = children()

    with (
        feed.open("rb") as names,
        pytest.raises(ValueError, match="enough"),
        git_stream(upstream.path / ".git", "cat-file", "--batch", stdin=names) as stream,
    ):
        stop_after_one_line(stream)

    assert children() <= others


def children() -> set[int]:
    """Processes of this one, ended but not waited for included; other tests may keep some."""
    return {process.pid for process in psutil.Process().children()}


def stop_after_one_line(stream: IO[bytes]) -> None:
    stream.readline()
    raise ValueError("enough")


@pytest.mark.parametrize(
    "setting",
    [
        ("core.hooksPath", "hooks"),
        ("core.fsmonitor", "{mark}"),
        ("diff.external", "{mark}"),
        ("core.pager", "{mark}"),
        ("core.alternateRefsCommand", "{mark}"),
    ],
    ids=lambda setting: setting[0],
)
def test_a_repositorys_own_settings_do_not_steer(
    setting: tuple[str, str], upstream: Upstream, tmp_path: Path
) -> None:
    mark = tmp_path / "mark.sh"
    mark.write_text(f"#!/bin/sh\ntouch '{tmp_path / 'marker'}'\n")
    mark.chmod(0o755)
    hooks = tmp_path / "hooks"
    hooks.mkdir()
    for name in ("post-commit", "reference-transaction", "post-index-change", "pre-commit"):
        (hooks / name).symlink_to(mark)
    key, value = setting
    value = str(hooks) if value == "hooks" else value.format(mark=mark)
    upstream.run("config", key, value)
    (upstream.path / "a.py").write_text("x = 3\n")
    upstream.run("status")
    upstream.run("diff", "--no-ext-diff")
    upstream.commit({"a.py": "x = 4\n"})
    git(upstream.path / ".git", "log", "-p")

    assert not (tmp_path / "marker").exists()


def test_the_users_set_up_stays_outside(
    upstream: Upstream, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    mine = tmp_path / "gitconfig"
    mine.write_text("[alias]\n\tmine = version\n[core]\n\tquotePath = true\n")
    for name, value in {
        "GIT_CONFIG_GLOBAL": str(mine),
        "HOME": str(tmp_path),
        "GIT_DIR": "/nowhere",
        "GIT_INDEX_FILE": "/nowhere",
        "GIT_EXTERNAL_DIFF": "false",
        "GIT_OBJECT_DIRECTORY": "/nowhere",
    }.items():
        monkeypatch.setenv(name, value)

    assert git(upstream.path / ".git", "ls-tree", "--name-only", "HEAD").startswith(b"a.py")
    with pytest.raises(GitError, match="not a git command"):
        git(None, "mine")


def test_replacements_do_not_rewrite_history(upstream: Upstream) -> None:
    head = upstream.run("rev-parse", "HEAD")
    plain = {"PATH": os.environ["PATH"], "GIT_CONFIG_NOSYSTEM": "1", "HOME": os.devnull}
    where = ["git", "-C", str(upstream.path), "-c", "safe.directory=*"]
    subprocess.run([*where, "replace", "--graft", head], env=plain | identity(), check=True)
    swapped = subprocess.run(
        [*where, "rev-list", "--count", "HEAD"], env=plain, capture_output=True, check=True
    )

    assert swapped.stdout == b"1\n"
    assert git(upstream.path / ".git", "rev-list", "--count", "HEAD") == b"2\n"


def identity() -> dict[str, str]:
    return {
        f"GIT_{role}_{field}": "someone"
        for role in ("AUTHOR", "COMMITTER")
        for field in ("NAME", "EMAIL")
    }


def test_the_ext_transport_is_closed(tmp_path: Path) -> None:
    with pytest.raises(GitError, match="transport 'ext' not allowed"):
        git(None, "ls-remote", f"ext::touch {tmp_path / 'marker'}")

    assert not (tmp_path / "marker").exists()


def test_the_environment_holds_nothing_of_ours(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SECRET_TOKEN", "hidden")

    assert "SECRET_TOKEN" not in environment()
    assert environment({"GIT_INDEX_FILE": "x"})["GIT_INDEX_FILE"] == "x"
