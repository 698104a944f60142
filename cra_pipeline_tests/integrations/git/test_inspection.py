"""What a checkout says of itself."""

from __future__ import annotations

import subprocess
from pathlib import Path

from cra_pipeline.integrations.git.inspection import commit_at
from cra_pipeline.integrations.git.run import environment


def ran(folder: Path, *arguments: str) -> str:
    done = subprocess.run(
        ["git", *arguments], cwd=folder, env=environment(), check=True, capture_output=True
    )
    return done.stdout.decode().strip()


def test_the_commit_of_a_checkout_is_told_and_of_a_folder_within_none(tmp_path: Path) -> None:
    ran(tmp_path, "init", "--quiet")
    before = commit_at(tmp_path)
    ran(tmp_path, "commit", "--quiet", "--allow-empty", "--message", "begin")
    (tmp_path / "inner").mkdir()

    assert before == ""
    assert commit_at(tmp_path) == ran(tmp_path, "rev-parse", "HEAD")
    assert commit_at(tmp_path / "inner") == commit_at(tmp_path / "missing") == ""
