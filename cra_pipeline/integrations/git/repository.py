"""A bare clone as the harness asks it: changes, files, and who reaches what."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

from cra_pipeline.diffs import Blob, TreeChange
from cra_pipeline.integrations.git.reach import reached_by
from cra_pipeline.integrations.git.trees import GITLINK, change, entries, files_at, read_blobs


@dataclass(frozen=True, slots=True)
class GitRepository:
    """Reads one snapshot; every method raises ``GitError`` where an object is missing."""

    snapshot: Path

    def change(self, base: str, commit: str) -> TreeChange:
        """Files that differ from one commit to another; renames are two paths."""
        return change(self.snapshot, base, commit)

    def files_at(self, commit: str, paths: Iterable[str]) -> dict[str, Blob]:
        """Content of the given paths; those that the commit lacks are absent."""
        return files_at(self.snapshot, commit, paths)

    def paths(self, commit: str) -> tuple[str, ...]:
        """Every path of a commit's tree, sorted."""
        return tuple(entry.path for entry in entries(self.snapshot, commit))

    def texts(self, commit: str, wanted: Callable[[str], bool]) -> dict[str, str]:
        """Text of the wanted paths; what is no UTF-8 is decoded with replacements."""
        found = [
            entry
            for entry in entries(self.snapshot, commit)
            if entry.mode != GITLINK and wanted(entry.path)
        ]
        contents = read_blobs(self.snapshot, (entry.blob for entry in found))
        return {entry.path: contents[entry.blob].decode(errors="replace") for entry in found}

    def reached_by(self, revision: str) -> frozenset[str]:
        """Ids of a commit and of everything before it."""
        return reached_by(self.snapshot, revision)
