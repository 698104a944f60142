"""Small real git histories for tests, made with fixed dates so that ids repeat."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from cra_pipeline.integrations.git.run import environment, git

FIRST = 1_600_000_000
"""Committer date of the first commit; each later one follows an hour after."""


class Upstream:
    """A checkout that is committed to; ``path`` is its top folder."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.commits = 0
        path.mkdir(parents=True)
        git(None, "init", "--quiet", "--template=", "--initial-branch=main", str(path))

    @classmethod
    def at(cls, path: Path) -> Upstream:
        """A checkout that git made elsewhere."""
        made = cls.__new__(cls)
        made.path, made.commits = path, 0
        return made

    def run(self, *arguments: str, env: Mapping[str, str] | None = None) -> str:
        """Git inside the checkout, set up as the project sets it up."""
        done = subprocess.run(
            ["git", "-C", str(self.path), *arguments],
            capture_output=True,
            env=environment(dict(env or {})),
            check=True,
        )
        return done.stdout.decode(errors="surrogateescape").strip()

    def commit(self, files: Mapping[str, str | bytes], message: str = "Add things") -> str:
        """Write files, commit everything, and return the commit's id."""
        for name, content in files.items():
            target = self.path / name
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(content.encode() if isinstance(content, str) else content)
        date = f"{FIRST + 3600 * self.commits} +0000"
        self.commits += 1
        self.run("add", "--all")
        self.run(
            "commit",
            "--quiet",
            "--allow-empty",
            f"--message={message}",
            env={"GIT_AUTHOR_DATE": date, "GIT_COMMITTER_DATE": date},
        )
        return self.run("rev-parse", "HEAD")

    def tag(self, name: str, *, annotated: bool = False) -> None:
        """Tag HEAD."""
        date = {"GIT_COMMITTER_DATE": f"{FIRST} +0000"}
        self.run("tag", *(["-a", "-m", name] if annotated else []), "--", name, env=date)

    def bare(self, target: Path) -> Path:
        """A bare mirror of everything, with refs of its own."""
        git(None, "clone", "--quiet", "--mirror", "--template=", str(self.path), str(target))
        return target


def objects_of(repo: Path) -> set[str]:
    """Ids of every object that lies in a repository, reachable or not."""
    listing = git(repo, "cat-file", "--batch-all-objects", "--batch-check=%(objectname)")
    return set(listing.decode().split())


def free_port() -> int:
    """A loopback port that nobody held a moment ago."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def git_daemon(folder: Path) -> Iterator[str]:
    """Serve every repository below ``folder`` on loopback; yields ``git://127.0.0.1:PORT``."""
    port = free_port()
    binary = Path(git(None, "--exec-path").decode().strip()) / "git-daemon"
    if not binary.exists():  # pragma: no cover - Debian and Fedora ship it with git
        raise FileNotFoundError(f"{binary}: install git-daemon")
    server = subprocess.Popen(
        [
            str(binary),
            "--listen=127.0.0.1",
            f"--port={port}",
            "--export-all",
            "--reuseaddr",
            f"--base-path={folder}",
            str(folder),
        ],
        env=environment({"PATH": f"{binary.parent}{os.pathsep}{os.environ['PATH']}"}),
        stderr=subprocess.DEVNULL,
    )
    try:
        _wait_for(port)
        yield f"git://127.0.0.1:{port}"
    finally:
        server.terminate()
        server.wait(timeout=10)


def _wait_for(port: int) -> None:
    for _ in range(200):
        with socket.socket() as probe:
            probe.settimeout(1)
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.02)
    raise TimeoutError(f"nothing listens on port {port}")


def drop_object(repo: Path, oid: str) -> None:
    """Take one object out of a repository, as a partial clone or a damaged disk would."""
    packs = repo / "objects" / "pack"
    loose = repo / "objects" / oid[:2] / oid[2:]
    for pack in sorted(packs.glob("*.pack")) if packs.is_dir() else ():
        aside = repo / "aside.pack"
        shutil.move(pack, aside)
        for rest in sorted(packs.glob(f"{pack.stem}.*")):
            rest.unlink()
        git(repo, "unpack-objects", "-q", stdin=aside.read_bytes())
        aside.unlink()
    loose.chmod(0o644)
    loose.unlink()
