"""The stream of all commits of a history, and the line counts of some.

Only ``line_counts`` reads blobs: the walk itself works on a clone that lacks file contents.
"""

from __future__ import annotations

from collections.abc import Generator, Iterable, Iterator
from itertools import islice
from pathlib import Path
from typing import IO

from cra_pipeline.contracts.history import FileChange, HistoryCommit
from cra_pipeline.errors import GitError
from cra_pipeline.integrations.git.run import git, git_stream

PINNED = "refs/heads/pinned"

_FIELDS = ("%H", "%P", "%an", "%ae", "%at", "%ct", "%B")
_TORN = b"\0"
_CHUNK = 1 << 16
_COMMITS_PER_CALL = 1000


def walk(repo: Path, revision: str = PINNED) -> Iterator[HistoryCommit]:
    """Every commit that ``revision`` reaches, newest first as git orders them.

    Args:
        repo: Git directory.
        revision: Where the history ends.

    Raises:
        GitError: The revision is unknown, the history is cut (shallow), or an object is missing;
            the message carries git's words, which name the object.
    """
    if (repo / "shallow").exists():
        raise GitError(
            f"{repo}: the history is shallow (cut off), expected all of it: fetch it whole with "
            "git fetch --unshallow, then add the repository again"
        )
    with git_stream(
        repo,
        "log",
        "-z",
        "--raw",
        "--no-abbrev",
        "--no-renames",
        "--diff-merges=off",
        "--no-show-signature",
        "--no-notes",
        "--no-mailmap",
        "--encoding=UTF-8",
        f"--format={'%x00'.join(_FIELDS)}%x00",
        "--end-of-options",
        revision,
        "--",
    ) as stream:
        whole = yield from _commits(_tokens(stream))
    if not whole:
        raise GitError(f"git log in {repo}: its output broke off inside a commit; run it again")


def line_counts(
    repo: Path, shas: Iterable[str]
) -> Iterator[tuple[str, dict[str, tuple[int, int] | None]]]:
    """Added and deleted lines of each changed ``.py`` file, against the first parent.

    Args:
        repo: Git directory.
        shas: Commits with exactly one parent.

    Yields:
        Commit id and, by path, (added, deleted), or None for a file that git takes for binary.
        Commits without a ``.py`` file are left out.

    Raises:
        GitError: A blob is missing; the message names it.
    """
    waiting = iter(shas)
    while batch := list(islice(waiting, _COMMITS_PER_CALL)):
        yield from _batch_counts(repo, batch)


def text(raw: bytes) -> str:
    """Valid Unicode of a path; bytes that are no UTF-8 become escapes of the form ``xNN``."""
    return raw.decode("utf-8", "backslashreplace")


def message_text(raw: bytes) -> str:
    """Valid Unicode of a message or a name, as UTF-8 or else as Latin-1."""
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError:
        return raw.decode("latin-1")


def _batch_counts(
    repo: Path, shas: list[str]
) -> Iterator[tuple[str, dict[str, tuple[int, int] | None]]]:
    # Renames stay off: a file that moved counts in full on both sides, as in ``walk``.
    output = git(
        repo,
        "diff-tree",
        "--stdin",
        "-r",
        "-z",
        "--numstat",
        "--no-renames",
        "--no-ext-diff",
        "--no-textconv",
        "--",
        "*.py",
        stdin="".join(f"{sha}\n" for sha in shas).encode(),
    )
    sha, counts = "", dict[str, tuple[int, int] | None]()
    for token in output.split(b"\0")[:-1]:
        added, tab, rest = token.partition(b"\t")
        if tab:
            deleted, _, path = rest.partition(b"\t")
            counts[text(path)] = None if added == b"-" else (int(added), int(deleted))
            continue
        if sha:
            yield sha, counts
        sha, counts = token.decode(), {}
    if sha:
        yield sha, counts


def _tokens(stream: IO[bytes]) -> Iterator[bytes]:
    """What stands between NUL bytes; a torn last token keeps one at its end, as no other can."""
    rest = b""
    while chunk := stream.read(_CHUNK):
        *whole, rest = (rest + chunk).split(b"\0")
        yield from whole
    if rest:
        yield rest + _TORN


def _commits(tokens: Iterator[bytes]) -> Generator[HistoryCommit, None, bool]:
    """Commits of the stream; the returned value says whether it ended between two of them."""
    sha = next(tokens, b"")
    while sha:
        # The empty field after the message is git's own end of a record.
        header = list(islice(tokens, len(_FIELDS)))
        if sha.endswith(_TORN) or len(header) < len(_FIELDS):
            return False
        files: list[FileChange] = []
        token = next(tokens, b"")
        while token.startswith((b"\n:", b":")):
            path = next(tokens, None)
            if path is None or path.endswith(_TORN):
                return False
            files.append(_file_change(token.strip(), path))
            token = next(tokens, b"")
        yield _commit(sha, header, files)
        sha = token
    return True


def _commit(sha: bytes, header: list[bytes], files: list[FileChange]) -> HistoryCommit:
    parents, author, email, authored_at, committed_at, message, _ = header
    return HistoryCommit(
        sha=sha.decode(),
        parents=tuple(parents.decode().split()),
        author=message_text(author),
        email=message_text(email),
        authored_at=int(authored_at or 0),
        committed_at=int(committed_at or 0),
        message=message_text(message).strip("\n"),
        files=tuple(files),
    )


def _file_change(entry: bytes, path: bytes) -> FileChange:
    old_mode, new_mode, old_blob, new_blob, _ = entry.decode()[1:].split(" ")
    name = text(path)
    return FileChange(
        path=name,
        exact=name.encode() == path,
        old_mode=old_mode,
        new_mode=new_mode,
        old_blob=old_blob,
        new_blob=new_blob,
    )
