"""What the agent's test command takes for the state of its working tree."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from cra_pipeline.integrations.clean_room import send_tests
from cra_pipeline_tests.histories import Upstream

START = {"a.py": "a = 1\n", "b.py": "b = 1\n", "sub/c.py": "c = 1\n", ".gitignore": "*.log\n"}


@pytest.fixture
def repo(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[Path, str]:
    """A checkout and its base."""
    upstream = Upstream(tmp_path / "repo")
    base = upstream.commit(START)
    monkeypatch.setattr(send_tests, "ROOT", upstream.path)
    return upstream.path, base


def commit(place: Path) -> None:
    who = ("-c", "user.name=a", "-c", "user.email=a@b")
    for words in (["add", "-A"], [*who, "commit", "-qm", "work"]):
        subprocess.run(["git", *words], cwd=place, check=True)


@pytest.mark.parametrize("committed", [False, True])
def test_what_differs_on_disk_is_sent_committed_or_not(
    repo: tuple[Path, str], *, committed: bool
) -> None:
    place, base = repo
    (place / "a.py").write_text("a = 2\n")
    (place / "b.py").unlink()
    (place / "new Ä:(x).py").write_bytes(b"\xff\0")
    (place / "left.log").write_text("ignored")
    if committed:
        commit(place)

    assert send_tests.working_tree(base) == {
        "a.py": b"a = 2\n",
        "b.py": None,
        "new Ä:(x).py": b"\xff\0",
    }


def test_the_disk_counts_and_not_what_was_committed(repo: tuple[Path, str]) -> None:
    place, base = repo
    (place / "a.py").write_text("a = 2\n")
    commit(place)
    (place / "a.py").write_text("a = 3\n")
    subprocess.run(["git", "rm", "-q", "--cached", "b.py"], cwd=place, check=True)

    assert send_tests.working_tree(base) == {"a.py": b"a = 3\n", "b.py": b"b = 1\n"}


def test_nothing_is_sent_of_a_tree_as_it_was(repo: tuple[Path, str]) -> None:
    assert send_tests.working_tree(repo[1]) == {}


def test_a_file_whose_name_a_folder_has_is_gone_and_the_other_way_round(
    repo: tuple[Path, str],
) -> None:
    place, base = repo
    (place / "a.py").unlink()
    (place / "a.py").mkdir()
    (place / "a.py" / "x").write_text("x")
    (place / "sub" / "c.py").unlink()
    (place / "sub").rmdir()
    (place / "sub").write_text("s")

    assert send_tests.working_tree(base) == {
        "a.py": None, "a.py/x": b"x", "sub": b"s", "sub/c.py": None,
    }  # fmt: skip


def test_a_link_is_not_followed(repo: tuple[Path, str]) -> None:
    place, base = repo
    (place / "link.py").symlink_to("/etc/passwd")
    with pytest.raises(SystemExit, match=r"link.py is no ordinary file"):
        send_tests.working_tree(base)


def test_a_pipe_is_not_waited_for(repo: tuple[Path, str]) -> None:
    place, base = repo
    (place / "a.py").unlink()
    os.mkfifo(place / "a.py")
    with pytest.raises(SystemExit, match=r"a.py is no ordinary file"):
        send_tests.working_tree(base)


def test_without_a_repository_nothing_is_tested(repo: tuple[Path, str]) -> None:
    with pytest.raises(SystemExit, match=r"git diff ended with status 128"):
        send_tests.working_tree("0" * 40)
    assert repo[0].is_dir()
