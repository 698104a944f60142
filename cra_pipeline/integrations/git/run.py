"""The only door to git: nothing of a repository or of the user's set-up may steer it.

No hooks, filters, attributes, fsmonitor, pagers, prompts or replace refs; no configuration but a
bare clone's own, which this project wrote. Paths come back as bytes or ``surrogateescape`` text.
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from cra_pipeline.errors import GitError

_SETTINGS = {
    "core.hooksPath": os.devnull,
    "core.fsmonitor": "false",
    "core.attributesFile": os.devnull,
    "core.quotePath": "false",
    "core.autocrlf": "false",
    "core.eol": "lf",
    "core.symlinks": "true",
    "core.fileMode": "true",
    "core.alternateRefsCommand": "true",
    "diff.external": "",
    "diff.renames": "false",
    "diff.noprefix": "false",
    "gc.auto": "0",
    "maintenance.auto": "false",
    "protocol.ext.allow": "never",
    "safe.directory": "*",
    "submodule.recurse": "false",
    "fetch.recurseSubmodules": "false",
    "transfer.fsckObjects": "false",
    "user.name": "cra_pipeline",
    "user.email": "cra_pipeline@localhost",
    "commit.gpgSign": "false",
    "init.defaultBranch": "main",
}


def environment(extra: dict[str, str] | None = None) -> dict[str, str]:
    """Whole environment of a git process, configuration included."""
    settings = {
        "GIT_CONFIG_NOSYSTEM": "1",
        "GIT_CONFIG_GLOBAL": os.devnull,
        "GIT_ATTR_NOSYSTEM": "1",
        "GIT_TERMINAL_PROMPT": "0",
        "GIT_ASKPASS": "true",
        "GIT_OPTIONAL_LOCKS": "0",
        "GIT_NO_REPLACE_OBJECTS": "1",
        "GIT_LFS_SKIP_SMUDGE": "1",
        "GIT_PAGER": "cat",
        "LC_ALL": "C.UTF-8",
        "TZ": "UTC",
        "PATH": os.environ.get("PATH", os.defpath),
        "HOME": os.devnull,
        "GIT_CONFIG_COUNT": str(len(_SETTINGS)),
    }
    for number, (key, value) in enumerate(sorted(_SETTINGS.items())):
        settings[f"GIT_CONFIG_KEY_{number}"] = key
        settings[f"GIT_CONFIG_VALUE_{number}"] = value
    # Certificates and proxies are the machine's own; everything else of it stays outside.
    for name in ("SSL_CERT_FILE", "GIT_SSL_CAINFO", "https_proxy", "HTTPS_PROXY", "no_proxy"):
        if name in os.environ:
            settings[name] = os.environ[name]
    return settings | (extra or {})


def git(
    repo: Path | None,
    *arguments: str,
    stdin: bytes | None = None,
    extra: dict[str, str] | None = None,
) -> bytes:
    """Run git to its end and return what it printed.

    Args:
        repo: Git directory (bare), or None for commands that need none.
        arguments: After ``git``.
        stdin: Bytes to feed.
        extra: Further environment, such as ``GIT_INDEX_FILE``.

    Raises:
        GitError: Git ended with a failure; the message carries its own last words.
    """
    where = [] if repo is None else [f"--git-dir={repo}"]
    done = subprocess.run(
        ["git", *where, *arguments],
        input=stdin if stdin is not None else b"",
        capture_output=True,
        env=environment(extra),
        check=False,
    )
    if done.returncode:
        raise failure(repo, arguments, done.returncode, done.stderr)
    return done.stdout


@contextmanager
def git_stream(
    repo: Path, *arguments: str, stdin: IO[bytes] | int = subprocess.DEVNULL
) -> Iterator[IO[bytes]]:
    """Stream git's output; a failure is raised at the end of the block, so it cannot be missed.

    Raises:
        GitError: Git ended with a failure, such as a missing object in a partial clone.
    """
    process = subprocess.Popen(
        ["git", f"--git-dir={repo}", *arguments],
        stdin=stdin,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=environment(),
    )
    if process.stdout is None or process.stderr is None:  # pragma: no cover - Popen gives both
        raise GitError("git: no pipes")
    try:
        with process.stdout:
            yield process.stdout
        words = process.stderr.read()
    except BaseException:
        process.kill()
        raise
    finally:
        process.stderr.close()
        code = process.wait()
    if code:
        raise failure(repo, arguments, code, words)


def failure(repo: Path | None, arguments: tuple[str, ...], code: int, stderr: bytes) -> GitError:
    """The error for a failed git command, with what git said of it."""
    lines = (line.strip() for line in stderr.decode(errors="replace").splitlines())
    # ssh says the cause first and then four lines of advice.
    words = [line for line in lines if line][-5:]
    return GitError(
        f"git {' '.join(arguments[:3])} in {repo or 'no repository'} ended with {code}: "
        f"{' / '.join(words) or 'no message'}"
    )
