"""The curated database, read once for a run."""

from __future__ import annotations

import platform
import sqlite3
from dataclasses import dataclass
from pathlib import Path

from .settings import Settings

_METADATA = "purpose, domain, concepts"


@dataclass(frozen=True)
class Symbol:
    """A symbol of the base; its lines stay those of the base while the file is edited."""

    id: int
    path: str
    name: str
    kind: str
    start: int
    stop: int
    signature: str
    docstring: str


@dataclass(frozen=True)
class Knowledge:
    """What was indexed.

    Attributes:
        files: Id by path, sorted.
        symbols: By path, in the order of the file.
        metadata: Purpose, domain and concepts of described files.
        neighbours: Files that a file imports, or that import it.
        environment: Begins every prompt of a pass.
    """

    files: dict[str, int]
    symbols: dict[str, list[Symbol]]
    metadata: dict[str, tuple[str, str, str]]
    neighbours: dict[str, set[str]]
    environment: str


def read_knowledge(curated: sqlite3.Connection, settings: Settings) -> Knowledge:
    """Read all of it."""
    files = dict(curated.execute("SELECT path, id FROM files ORDER BY path").fetchall())
    symbols: dict[str, list[Symbol]] = {path: [] for path in files}
    rows = curated.execute(
        "SELECT s.id, f.path, s.name, s.kind, s.start_line, s.end_line, "
        "coalesce(s.signature, ''), coalesce(d.content, '') FROM symbols s "
        "JOIN files f ON f.id = s.file_id LEFT JOIN docstrings d ON d.symbol_id = s.id "
        "ORDER BY f.path, s.start_line, s.id"
    )
    for row in rows:
        symbols[row[1]].append(Symbol(*row))
    described = curated.execute(
        f"SELECT f.path, {_METADATA} FROM file_metadata m "  # noqa: S608  # our own words
        "JOIN files f ON f.id = m.file_id"
    )
    metadata = {path: (a or "", b or "", c or "") for path, a, b, c in described}
    neighbours: dict[str, set[str]] = {path: set() for path in files}
    edges = curated.execute(
        "SELECT a.path, b.path FROM dependencies d JOIN files a ON a.id = d.source_file_id "
        "JOIN files b ON b.id = d.target_file_id"
    )
    for source, target in edges:
        neighbours[source].add(target)
        neighbours[target].add(source)
    return Knowledge(files, symbols, metadata, neighbours, _environment(settings, len(files)))


def _environment(settings: Settings, count: int) -> str:
    lines = [
        "<environment>",
        f"OS: {platform.system()}",
        f"Languages: python ({count} files)",
        f"Test framework: {settings.test_command.split()[0]}",
        f"Runtime: Python {platform.python_version()}",
        f"Files indexed: {count}",
        f"Coding style: {settings.style}",
        "</environment>",
    ]
    return "\n".join(lines)


def text_of(repo: Path, path: str) -> str:
    """A file as it is now."""
    return (repo / path).read_bytes().decode("utf-8", "replace")
