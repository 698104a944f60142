"""Building a whole repository from a fast-import stream."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path

from cra_pipeline.errors import GitError
from cra_pipeline.integrations.git.run import git


def build_repository(target: Path, stream: bytes) -> str:
    """Build a bare repository with branch ``main``; what stood at ``target`` is replaced.

    Args:
        target: Folder of the bare repository, such as ``tiny/pocketini.git``.
        stream: What ``git fast-import --done`` reads.

    Returns:
        Full id of the head of ``main``.

    Raises:
        GitError: Git refused the stream; ``target`` is as it was.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    work = Path(tempfile.mkdtemp(dir=target.parent, prefix=f".{target.name}."))
    try:
        fresh = work / "new.git"
        git(None, "init", "--quiet", "--bare", "--template=", "--initial-branch=main", str(fresh))
        git(fresh, "fast-import", "--quiet", "--done", stdin=stream)
        head = git(fresh, "rev-parse", "--verify", "refs/heads/main^{commit}").decode().strip()
        _swap(fresh, target, work / "old.git")
    finally:
        shutil.rmtree(work)
    return head


def _swap(fresh: Path, target: Path, aside: Path) -> None:
    """Put ``fresh`` in the place of ``target``; a folder cannot be replaced in one step."""
    if target.exists() and not (target / "HEAD").is_file():
        raise GitError(f"{target}: is no git repository, so it is not replaced: move it away")
    if target.exists():
        target.rename(aside)
    fresh.rename(target)
