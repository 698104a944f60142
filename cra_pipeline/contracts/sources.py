"""Where code comes from: the corpus entries and the pinned snapshots made of them."""

from __future__ import annotations

import re
from typing import Literal

from pydantic import field_validator

from cra_pipeline.contracts.record import Record

SLUG = re.compile(r"[a-z0-9][a-z0-9._-]*\Z")
_ADDRESS = re.compile(r"([^/:]+)/([^/]+?)(?:\.git)?/?$")

Tier = Literal["full", "knowledge", "document"]


class RepoSource(Record):
    """One upstream repository as listed in ``corpus/repos.toml`` or the user's ``sources.toml``."""

    name: str
    """Key of the repository everywhere: a slug ``[a-z0-9][a-z0-9._-]*``."""
    url: str
    """Clone address: ``https://…``, ``git://…`` or an absolute local path."""
    revision: str
    """Full 40-digit commit id that the snapshot ends at."""
    domain: str
    """One of the corpus' domains, such as ``validation``."""
    roles: tuple[Literal["P", "C", "K", "S"], ...]
    """Pipeline, coding, knowledge, style."""
    tier: Tier
    licence: str
    """SPDX expression, or ``unknown``."""
    committed_at: int = 0
    """Committer date of ``revision`` in seconds since the epoch, so that a round can be dated
    before anything is cloned; 0 where it is not known."""

    @field_validator("name")
    @classmethod
    def _slug(cls, value: str) -> str:
        if not SLUG.match(value):
            raise ValueError(f"{value!r} is no slug: use lower-case letters, digits, '.', '_', '-'")
        return value

    @field_validator("revision")
    @classmethod
    def _full_id(cls, value: str) -> str:
        if not re.fullmatch(r"[0-9a-f]{40}", value):
            raise ValueError(f"{value!r} is no full commit id of 40 hexadecimal digits")
        return value


class RepoSnapshot(Record):
    """One bare clone: the only row of ``repo_snapshots.parquet``."""

    repo: str
    url: str
    """Clone address; ``local:<repo>`` where it came from this machine, so that equal histories
    give equal rows in every workspace."""
    revision: str
    """Commit id that ``refs/heads/pinned`` points to: the whole history in use ends here."""
    commits: int
    """Commits reachable from ``revision``."""
    tags: tuple[str, ...]
    """Names of tags that ``revision`` reaches, sorted."""
    domain: str
    licence: str


class ScanFinding(Record):
    """Something in the pinned tree that a person should know of; it stops nothing."""

    rule: str
    """Such as ``submodule``, ``filter_attribute``, ``bidi`` or ``injection_phrase``."""
    path: str
    """Path in the tree, undecodable bytes as backslash escapes."""
    evidence: str
    """What was found, printable, such as ``line 12: U+202E``."""


class ScanReport(Record):
    """``scan.json`` beside a snapshot: what a light security scan saw at the pin."""

    repo: str
    revision: str
    files: int
    """Entries of the pinned tree."""
    python_files: int
    counts: tuple[tuple[str, int], ...]
    """Findings by rule, sorted by rule: all of them, where ``findings`` may be cut short."""
    findings: tuple[ScanFinding, ...]
    """Sorted by path and rule; at most the policy's number per rule."""


def slug_of(url: str) -> str:
    """``owner/name`` of a clone address, in lower case; empty where it has no such end."""
    found = _ADDRESS.search(url)
    return f"{found[1]}/{found[2]}".lower() if found else ""
