"""Pinned bare clones: nothing of the source executes, and nothing after the pin stays.

Every source is first gathered into a throw-away git directory of our own (fetched from a network,
or borrowed from this machine); what the pin reaches is then fetched out of that into a fresh one.
The second step leaves the future behind: neither refs, nor objects, nor reflogs of it come along.
"""

from __future__ import annotations

import contextlib
import os
import re
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import stamina

from cra_pipeline.errors import GitError, SourceError
from cra_pipeline.integrations.git.address import NETWORK_SCHEMES, Address
from cra_pipeline.integrations.git.borrow import (
    copy_refs,
    is_partial,
    lend_objects,
    locate,
    refuse_incomplete,
)
from cra_pipeline.integrations.git.run import git
from cra_pipeline.integrations.git.upstream import keep_upstream, upstream_in

PINNED = "refs/heads/pinned"
"""The only branch of a snapshot."""

# Accelerators of a foreign repository (commit graph, bitmaps) are claims that nobody verified:
# a forged one could rewrite history. Only objects, which carry their own hash, are believed.
_DISTRUST = {
    "core.commitGraph": "false",
    "core.multiPackIndex": "false",
    "core.alternateRefsCommand": "true",
    "pack.useBitmaps": "false",
    "uploadpack.allowAnySHA1InWant": "true",
}
_FETCH = (
    "fetch",
    "--quiet",
    "--no-tags",
    "--no-write-fetch-head",
    "--no-auto-gc",
    "--no-auto-maintenance",
    "--no-recurse-submodules",
    "--no-show-forced-updates",
)
_LASTING = re.compile(
    r"not found|does not appear to be a git repository|no such|denied|authentication|"
    r"could not read Username|not our ref|not export|couldn't find remote ref|No space left|"
    r"shallow|unable to find remote helper|host key verification",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class PinnedCommit:
    """A commit that a source really holds."""

    sha: str
    committed_at: int
    """Committer date in seconds since the epoch."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CloneFacts:
    """What a finished snapshot holds."""

    commits: int
    tags: tuple[str, ...]
    unreadable_tags: int
    """Tags left out because their name is no UTF-8."""


def resolve_commit(address: Address, revision: str, scratch: Path) -> PinnedCommit:
    """Turn a branch, tag or id into the commit that a snapshot can be pinned to.

    Args:
        address: The source.
        revision: ``HEAD``, a branch, a tag or a commit id (over a network in full).
        scratch: Folder for work in flight; what this makes in it is deleted again.

    Raises:
        SourceError: Nothing can be fetched, or the source holds no such commit.
    """
    with _gathered(address, scratch, revision, whole=False) as holder:
        return _commit(address, holder, revision)


def clone_pinned(
    address: Address,
    revision: str,
    target: Path,
    scratch: Path,
    *,
    before_swap: Callable[[], None] = lambda: None,
) -> CloneFacts:
    """Make ``target`` the bare clone that ends at ``revision``, in one rename at the end.

    Args:
        address: The source.
        revision: Full commit id.
        target: Git directory to be; an old one is replaced.
        scratch: Folder on the same file system; emptied before and after.
        before_swap: Called when the new clone is whole and the old one is about to go.

    Raises:
        SourceError: The source is empty, incomplete, or holds no such commit.
    """
    with _gathered(address, scratch, revision, whole=True) as holder:
        pin = _commit(address, holder, revision).sha
        fresh = scratch / "fresh.git"
        tags, unreadable = _reached_tags(address, holder, pin)
        _fetch_out(address, holder, fresh, pin, tags)
        if address.path is not None:
            keep_upstream(fresh, upstream_in(locate(address.path).common))
        facts = CloneFacts(
            commits=int(git(fresh, "rev-list", "--count", PINNED)),
            tags=tuple(sorted(tags)),
            unreadable_tags=unreadable,
        )
        before_swap()
        _replace_folder(fresh, target, scratch / "old.git")
    return facts


@contextlib.contextmanager
def _gathered(address: Address, scratch: Path, revision: str, *, whole: bool) -> Iterator[Path]:
    shutil.rmtree(scratch, ignore_errors=True)
    scratch.mkdir(parents=True)
    holder = scratch / "holder.git"
    _init(holder)
    for key, value in _DISTRUST.items():
        git(holder, "config", key, value)
    try:
        if address.path is not None:
            folders = locate(address.path)
            refuse_incomplete(address.path, folders)
            copy_refs(folders, holder)
            lend_objects(folders, holder)
        else:
            _fetch_in(address.url, holder, revision, whole=whole)
        yield holder
    finally:
        shutil.rmtree(scratch, ignore_errors=True)


def _init(folder: Path) -> None:
    git(None, "init", "--quiet", "--bare", "--template=", "--initial-branch=pinned", str(folder))


def _fetch_in(url: str, holder: Path, revision: str, *, whole: bool) -> None:
    listed = _remote_refs(url)
    if not listed:
        raise SourceError(f"{url}: an empty repository: push a first commit, then add it again")
    wanted = _named(listed, revision)
    if wanted is None:
        raise SourceError(
            f"{url}: has no revision {revision!r}: give a branch, a tag or a full commit id"
        )
    if not whole:
        # One commit says all that is asked; servers that cannot do that send everything.
        with contextlib.suppress(GitError):
            git(holder, *_FETCH, "--depth=1", url, f"{wanted}:refs/wanted", extra=_network())
            git(holder, "update-ref", "--no-deref", "HEAD", "refs/wanted^{commit}")
            return
    _fetch_all(url, holder, wanted)


def _fetch_all(url: str, holder: Path, wanted: str) -> None:
    try:
        _retried(holder, *_FETCH, url, "+refs/heads/*:refs/heads/*", "+refs/tags/*:refs/tags/*")
        if not _has(holder, wanted):
            # A pin that no branch reaches any more; many servers still hand it out by its id.
            _retried(holder, *_FETCH, url, f"{wanted}:refs/wanted")
        git(holder, "update-ref", "--no-deref", "HEAD", f"{wanted}^{{commit}}")
    except GitError as error:
        raise SourceError(_network_words(url, wanted, str(error))) from error


def _network_words(url: str, wanted: str, words: str) -> str:
    if "shallow" in words:
        return f"{url}: the server's own copy is shallow ({words}): give a complete upstream"
    if "not our ref" in words or "remote ref" in words:
        return f"{url}: has no commit {wanted}: give another revision ({words})"
    return f"{url}: cannot be fetched: {words}; check the address and the network, then repeat"


def _remote_refs(url: str) -> dict[str, str]:
    try:
        listing = _retried(None, "ls-remote", url).decode(errors="surrogateescape")
    except GitError as error:
        raise SourceError(_network_words(url, "", str(error))) from error
    pairs = (line.split("\t", 1) for line in listing.splitlines())
    return {name: sha for sha, name in pairs}


def _named(listed: dict[str, str], revision: str) -> str | None:
    if re.fullmatch(r"[0-9a-f]{40}", revision):
        return revision
    tags, heads = f"refs/tags/{revision}", f"refs/heads/{revision}"
    for name in (f"{tags}^{{}}", tags, heads, revision):
        if name in listed:
            return listed[name]
    return None


def _retried(repo: Path | None, *arguments: str) -> bytes:
    for attempt in stamina.retry_context(
        on=_is_passing, attempts=3, wait_initial=0.5, timeout=None
    ):
        with attempt:
            return git(repo, *arguments, extra=_network())
    raise AssertionError("stamina raises after the last attempt")  # pragma: no cover


def _is_passing(error: Exception) -> bool:
    """Whether trying again may help: not where git said that it never will."""
    return isinstance(error, GitError) and not _LASTING.search(str(error))


def _network() -> dict[str, str]:
    keys = {name: os.environ[name] for name in ("SSH_AUTH_SOCK",) if name in os.environ}
    return keys | {
        "GIT_ALLOW_PROTOCOL": ":".join(NETWORK_SCHEMES),
        "GIT_SSH_COMMAND": "ssh -oBatchMode=yes -oPermitLocalCommand=no",
    }


def _commit(address: Address, holder: Path, revision: str) -> PinnedCommit:
    where = address.text()
    if not git(holder, "for-each-ref", "--count=1") and not _has(holder, "HEAD"):
        raise SourceError(f"{where}: an empty repository: make a first commit, then add it again")
    name = revision if address.path is not None else "HEAD"
    try:
        words = git(
            holder, "rev-parse", "--verify", "--quiet", "--end-of-options", f"{name}^{{commit}}"
        )
        sha = words.decode().strip()
        shown = git(holder, "show", "--no-patch", "--format=%ct", sha)
    except GitError as error:
        raise SourceError(
            f"{where}: revision {revision!r} cannot be read as a commit: give a branch, a tag or "
            "a commit id that it holds (`git log --all` lists them)"
        ) from error
    return PinnedCommit(sha=sha, committed_at=int(shown))


def _has(repo: Path, name: str) -> bool:
    try:
        git(repo, "rev-parse", "--verify", "--quiet", "--end-of-options", f"{name}^{{commit}}")
    except GitError:
        return False
    return True


def _reached_tags(address: Address, holder: Path, pin: str) -> tuple[list[str], int]:
    try:
        listing = git(
            holder, "for-each-ref", f"--merged={pin}", "--format=%(refname:strip=2)", "refs/tags"
        )
    except GitError as error:
        raise SourceError(_missing_words(address, holder, pin, str(error))) from error
    names = [line.decode(errors="surrogateescape") for line in listing.splitlines()]
    readable = [name for name in names if name.isprintable()]
    return readable, len(names) - len(readable)


def _fetch_out(address: Address, holder: Path, fresh: Path, pin: str, tags: list[str]) -> None:
    _init(fresh)
    refs = [f"{pin}:{PINNED}", *(f"refs/tags/{tag}:refs/tags/{tag}" for tag in tags)]
    wanted = "".join(f"{ref}\n" for ref in refs).encode()
    try:
        git(fresh, *_FETCH, "--stdin", str(holder), stdin=wanted)
    except GitError as error:
        raise SourceError(_missing_words(address, holder, pin, str(error))) from error


def _missing_words(address: Address, holder: Path, pin: str, words: str) -> str:
    """Name the first missing object, where that is why git failed."""
    where = address.text()
    try:
        listing = git(holder, "rev-list", "--objects", "--missing=print", "--quiet", pin)
    except GitError as error:
        listing, words = b"", f"{words}; {error}"
    missing = sorted(line[1:].decode() for line in listing.splitlines() if line.startswith(b"?"))
    if not missing:
        return f"{where}: cannot be cloned: {words}; `git -C {where} fsck` says more"
    partial = address.path is not None and is_partial(locate(address.path))
    mend = "fetch --refetch --no-filter" if partial else "fsck --full"
    kind = "a partial clone" if partial else "damaged"
    return (
        f"{where}: {kind}, {len(missing)} objects that {pin[:12]} reaches are missing, first "
        f"{missing[0]}: run `git -C {where} {mend}`, or clone it afresh without --filter"
    )


def _replace_folder(fresh: Path, target: Path, old: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    if target.exists():
        target.rename(old)
    fresh.rename(target)
