"""Git, as the agent works with it: a branch for the task, one commit for each step."""

from __future__ import annotations

import subprocess
from dataclasses import dataclass
from pathlib import Path


def git(repo: Path, *arguments: str) -> str:
    """What git prints.

    Raises:
        RuntimeError: It failed; the message holds its words.
    """
    done = subprocess.run(["git", *arguments], cwd=repo, capture_output=True, check=False)
    if done.returncode:
        words = done.stderr.decode(errors="replace").strip()
        raise RuntimeError(f"git {' '.join(arguments)}: {words}")
    return done.stdout.decode(errors="surrogateescape")


@dataclass(frozen=True)
class Work:
    """The branch of one task."""

    repo: Path
    home: str
    base: str
    branch: str

    @classmethod
    def begun(cls, repo: Path, task_id: str) -> Work:
        """Start the branch.

        Raises:
            RuntimeError: HEAD is on no branch, or the tree is not clean.
        """
        home = git(repo, "rev-parse", "--abbrev-ref", "HEAD").strip()
        if home == "HEAD":
            raise RuntimeError("HEAD is on no branch")
        if dirty := git(repo, "status", "--porcelain").strip():
            raise RuntimeError(f"the tree is not clean: {dirty[:200]}")
        work = cls(repo, home, git(repo, "rev-parse", "HEAD").strip(), f"cra/task/{task_id}")
        git(repo, "checkout", "-q", "-b", work.branch)
        return work

    def head(self) -> str:
        """The commit at which the branch stands."""
        return git(self.repo, "rev-parse", "HEAD").strip()

    def commit(self, message: str) -> str:
        """Commit everything."""
        git(self.repo, "add", "-A")
        git(self.repo, "commit", "-q", "--allow-empty", "-m", f"cra: {message}")
        return self.head()

    def diff(self, most: int) -> str:
        """All changes since the start, their end if that is too long."""
        text = git(self.repo, "diff", "--no-color", self.base, "HEAD")
        return text if len(text) <= most else text[-most:]

    def changed(self, since: str) -> list[str]:
        """Python files that were modified."""
        names = git(self.repo, "diff", "--name-only", "--diff-filter=M", "-z", since, "HEAD")
        return [name for name in names.split("\0") if name.endswith(".py")]

    def back_to(self, commit: str) -> None:
        """Forget everything since a commit."""
        git(self.repo, "reset", "-q", "--hard", commit)

    def keep(self) -> None:
        """Bring the branch home."""
        git(self.repo, "checkout", "-q", self.home)
        git(self.repo, "merge", "-q", "--ff-only", self.branch)
        git(self.repo, "branch", "-q", "-d", self.branch)

    def undo(self) -> None:
        """Leave everything as it was."""
        self.back_to(self.base)
        git(self.repo, "clean", "-qfd", "--exclude=.clean_room")
        git(self.repo, "checkout", "-q", self.home)
        git(self.repo, "branch", "-q", "-D", self.branch)
