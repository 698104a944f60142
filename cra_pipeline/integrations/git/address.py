"""Which addresses of a repository are taken, and which would execute or leak something."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from cra_pipeline.errors import SourceError

NETWORK_SCHEMES = ("https", "http", "git", "ssh")

# `user@host:path` and `host:path`, the short form of ssh; a slash before the colon is a path.
_SHORT_SSH = re.compile(r"(?:[A-Za-z0-9][\w.-]*@)?[A-Za-z0-9][\w.-]*:(?!//|:)(?P<path>[^-].*)")
_HOST = re.compile(r"[A-Za-z0-9\[][A-Za-z0-9.:\[\]_-]*")
_TAKEN = "give an https, git or ssh address, or the path of a repository on this machine"


@dataclass(frozen=True, slots=True)
class Address:
    """Where a history is fetched from; exactly one of the two is set."""

    url: str
    """Address on a network; empty for a local path."""
    path: Path | None
    """Absolute, resolved path on this machine."""

    def text(self) -> str:
        """The form that is stored in ``RepoSource.url``."""
        return str(self.path) if self.path is not None else self.url


def parse_address(source: str) -> Address:
    """Read what the user typed.

    Raises:
        SourceError: The address could run a command, holds a secret, or is of an unknown kind.
    """
    _refuse_odd_text(source)
    if source.startswith("file://"):
        return Address(url="", path=_local(source, urlsplit(source).path))
    if "://" in source:
        return Address(url=_network(source), path=None)
    if _SHORT_SSH.fullmatch(source) and not Path(source).exists():
        return Address(url=source, path=None)
    return Address(url="", path=_local(source, source))


def _refuse_odd_text(source: str) -> None:
    if not source or source != source.strip() or not source.isprintable():
        raise SourceError(f"{source!r}: empty, padded or unprintable address: {_TAKEN}")
    if source.startswith("-"):
        raise SourceError(f"{source!r}: git would read this as an option: {_TAKEN}")
    if re.match(r"[A-Za-z0-9+.-]*::", source):
        raise SourceError(f"{source!r}: a transport helper would run a command: {_TAKEN}")


def _network(source: str) -> str:
    parts = urlsplit(source)
    if parts.scheme not in NETWORK_SCHEMES:
        raise SourceError(f"{source!r}: scheme {parts.scheme!r} is not taken: {_TAKEN}")
    # A leading dash in host, user or path has been an option to ssh or to the server's git.
    host = parts.hostname or ""
    if not _HOST.fullmatch(host) or (parts.username or "").startswith("-"):
        raise SourceError(f"{source!r}: {host!r} is no host name: {_TAKEN}")
    if parts.path.lstrip("/").startswith("-") or parts.path in {"", "/"}:
        raise SourceError(f"{source!r}: {parts.path!r} names no repository: {_TAKEN}")
    if parts.password or (parts.username and parts.scheme != "ssh"):
        shown = source.replace(parts.netloc, f"…@{host}")
        raise SourceError(
            f"{shown}: holds a user or password, which would be stored in the workspace: "
            "use ssh with a key, or clone it yourself and give the local path"
        )
    return source


def _local(source: str, path: str) -> Path:
    if not path:
        raise SourceError(f"{source!r}: no path: {_TAKEN}")
    found = Path(os.path.expanduser(path) if path.startswith("~/") else path).resolve()  # noqa: PTH111  # a bare `~user` stays a name
    if not found.is_dir():
        raise SourceError(f"{found}: no such folder: {_TAKEN}")
    return found
