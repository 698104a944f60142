"""What a forger knows of a task, and how code gets into its sources.

A forger is given more than an agent ever sees, the hidden tests' ids above all: what cannot win
with that cannot win without it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import PurePosixPath


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """The task under attack.

    Attributes:
        sources: Base text of each ``.py`` source file that the gold change touches, by path; a
            file that the change adds has the empty text. Not empty.
        import_roots: Folders from which the tree's modules are imported.
        test_files: Test files that are run.
        fail_to_pass: Test ids that the forger wants green.
        pass_to_pass: Test ids that are green already.
    """

    sources: Mapping[str, str]
    import_roots: tuple[str, ...]
    test_files: tuple[str, ...]
    fail_to_pass: tuple[str, ...]
    pass_to_pass: tuple[str, ...]

    def expected(self) -> tuple[str, ...]:
        """All ids that a verdict looks at, sorted."""
        return tuple(sorted({*self.fail_to_pass, *self.pass_to_pass}))


def in_sources(target: Target, code: str) -> dict[str, str]:
    """Every source file with ``code`` at its end, so that whichever is imported runs it.

    Raises:
        ValueError: The task changes no source file, so nothing of it can be forged.
    """
    if not target.sources:
        raise ValueError("no source files to forge in: give the sources that the tests import")
    return {
        path: f"{text.rstrip()}\n\n\n{code}" if text.strip() else code
        for path, text in sorted(target.sources.items())
    }


def in_folders(folders: tuple[str, ...], name: str, text: str) -> dict[str, str]:
    """The same file in several folders of the tree."""
    return {str(PurePosixPath(folder) / name): text for folder in folders}


def import_folders(target: Target) -> tuple[str, ...]:
    """The tree's root and every import root, sorted."""
    return tuple(sorted({".", *target.import_roots}))
