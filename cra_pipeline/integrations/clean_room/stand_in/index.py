"""``index REPO``: what the tree holds goes into the curated database."""

from __future__ import annotations

import hashlib
import posixpath
import sqlite3
import time
from pathlib import Path

from .git import git
from .schema import insert, now, opened
from .symbols import Found, found_in

_LARGEST = 1 << 20


def index(repo: Path) -> None:
    """Scan the tree and log the scan; what was indexed before is forgotten."""
    started = time.monotonic()
    with opened(repo, "curated") as curated, opened(repo, "raw") as raw:
        curated.execute("BEGIN")
        for table in ("file_metadata", "docstrings", "dependencies", "symbols", "files", "repos"):
            curated.execute(f"DELETE FROM {table}")  # noqa: S608  # our own names
        scanned = _scan(curated, repo)
        curated.execute("COMMIT")
        insert(
            raw,
            "index_runs",
            repo_path=str(repo),
            files_scanned=scanned,
            files_changed=scanned,
            duration_ms=round((time.monotonic() - started) * 1000),
            status="success",
            timestamp=now(),
        )


def _scan(curated: sqlite3.Connection, repo: Path) -> int:
    home = insert(curated, "repos", path=str(repo), indexed_at=now())
    files: dict[str, int] = {}
    imports: dict[str, list[str]] = {}
    for path in _python_files(repo):
        content = (repo / path).read_bytes()
        files[path] = insert(
            curated,
            "files",
            repo_id=home,
            path=path,
            language="python",
            content_hash=hashlib.sha256(content).hexdigest(),
            size_bytes=len(content),
        )
        symbols, imports[path] = found_in(content.decode("utf-8", "replace"))
        for symbol in symbols:
            _store(curated, files[path], symbol)
    for path, names in imports.items():
        for target in sorted(_targets(path, names, files)):
            insert(
                curated,
                "dependencies",
                source_file_id=files[path],
                target_file_id=files[target],
                kind="import",
            )
    return len(files)


def _python_files(repo: Path) -> list[str]:
    # Untracked files too, as long as git does not overlook them.
    listing = git(repo, "ls-files", "-z", "--cached", "--others", "--exclude-standard")
    names = {name for name in listing.split("\0") if name.endswith(".py")}
    places = {name: repo / name for name in names}
    return sorted(
        name
        for name, place in places.items()
        if place.is_file() and not place.is_symlink() and place.stat().st_size <= _LARGEST
    )


def _store(curated: sqlite3.Connection, file: int, symbol: Found) -> None:
    row = insert(
        curated,
        "symbols",
        file_id=file,
        name=symbol.name,
        kind=symbol.kind,
        start_line=symbol.start,
        end_line=symbol.stop,
        signature=symbol.signature,
    )
    if symbol.docstring:
        insert(curated, "docstrings", symbol_id=row, file_id=file, content=symbol.docstring)


def _targets(path: str, names: list[str], files: dict[str, int]) -> set[str]:
    found = set()
    for name in names:
        stem = name.lstrip(".")
        up = len(name) - len(stem)
        parts = stem.split(".") if stem else []
        place = posixpath.join(posixpath.dirname(path), *[".."] * (up - 1)) if up else ""
        where = posixpath.normpath(posixpath.join(place or ".", *parts))
        found |= {f"{where}.py", f"{where}/__init__.py"} & set(files)
    return found - {path}
