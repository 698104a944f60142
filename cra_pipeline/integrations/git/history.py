"""Questions to a snapshot's history: nearest tag, which blobs are later, all of it as one pack."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from cra_pipeline.errors import GitError
from cra_pipeline.integrations.git.clone import PINNED
from cra_pipeline.integrations.git.run import git


def describe(snapshot: Path, commit: str) -> str:
    """``git describe --tags --long`` of a commit; empty where no tag with a digit is reached."""
    try:
        found = git(snapshot, "describe", "--tags", "--long", "--match", "*[0-9]*", commit)
    except GitError:
        return ""
    return found.decode(errors="replace").strip()


def known_blobs(snapshot: Path, ids: Iterable[str]) -> frozenset[str]:
    """Those of the blob ids that the repository holds at all."""
    wanted = "".join(f"{blob}\n" for blob in sorted(set(ids))).encode()
    answer = git(snapshot, "cat-file", "--batch-check", stdin=wanted) if wanted else b""
    lines = (line.split() for line in answer.decode().splitlines())
    return frozenset(words[0] for words in lines if words[1] == "blob")


def blobs_since(snapshot: Path, base: str) -> frozenset[str]:
    """Objects that the pinned head reaches and the base does not; all of them without a base.

    Raises:
        GitError: An object is missing.
    """
    bounds = [PINNED, f"^{base}"] if base else [PINNED]
    listing = git(snapshot, "rev-list", "--objects", "--no-object-names", *bounds)
    return frozenset(listing.decode().split())


def reachable_commits(snapshot: Path) -> frozenset[str]:
    """Ids of all commits that the pinned head reaches.

    Raises:
        GitError: A commit is missing.
    """
    return frozenset(git(snapshot, "rev-list", PINNED).decode().split())


def refs(snapshot: Path) -> tuple[tuple[str, str, str], ...]:
    """Name, id and peeled id (empty where it is a commit) of all refs, sorted by name.

    Raises:
        GitError: The repository cannot be read.
    """
    listing = git(
        snapshot,
        "for-each-ref",
        "--sort=refname",
        "--format=%(refname)%00%(objectname)%00%(*objectname)",
    )
    rows = (line.split("\0") for line in listing.decode().splitlines())
    return tuple((name, oid, peeled) for name, oid, peeled in rows)


def single_pack(snapshot: Path) -> tuple[Path, Path] | None:
    """Pack and index where they hold all objects already; None where there are others."""
    folder = snapshot / "objects"
    packs = sorted((folder / "pack").glob("pack-*.pack"))
    loose = any(path.is_dir() and len(path.name) == 2 for path in folder.iterdir())  # noqa: PLR2004  # fan-out folders
    if len(packs) != 1 or loose or not packs[0].with_suffix(".idx").exists():
        return None
    return packs[0], packs[0].with_suffix(".idx")


def write_pack(snapshot: Path, folder: Path) -> tuple[Path, Path]:
    """Write everything that the refs reach as one pack, the same bytes for the same objects.

    Raises:
        GitError: An object is missing, or the disk is full.
    """
    tips = "".join(f"{oid}\n" for _, oid, _ in refs(snapshot)).encode()
    name = git(
        snapshot, "pack-objects", "--quiet", "--revs", "--threads=1", "--no-reuse-delta",
        "--no-reuse-object", str(folder / "pack"), stdin=tips,
    ).decode().strip()  # fmt: skip
    return folder / f"pack-{name}.pack", folder / f"pack-{name}.idx"
