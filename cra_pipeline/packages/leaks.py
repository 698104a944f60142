"""Whether a wheel holds the answer: the repository's own code at the commit or later.

A wheel leaks if it is the repository's own distribution, if it brings a module of the
repository's own packages, if one of its files is, byte for byte, a file that the history
introduces only at the commit or later, or if it is a vendored copy with lines that are newer
than the commit's base.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import PurePosixPath

from packaging.utils import canonicalize_name

from cra_pipeline.packages.policy import PackagePolicy

_TELLING_CHARS = 12
_COPY_LINES = 15


def blob_id(content: bytes) -> str:
    """Git's id of a file with these bytes."""
    header = b"blob %d\0" % len(content)
    return hashlib.sha1(header + content, usedforsecurity=False).hexdigest()


def telling_lines(content: bytes) -> frozenset[str]:
    """Stripped lines that are long enough to say something; comments and imports are not."""
    lines = (line.strip() for line in content.decode(errors="replace").splitlines())
    return frozenset(
        line
        for line in lines
        if len(line) >= _TELLING_CHARS and not line.startswith(("#", "import ", "from "))
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Copy:
    """A file of a wheel that shares most of its lines with a source of the pinned head.

    Attributes:
        path: In the wheel.
        name: File name that both have.
        common: The shared telling lines.
    """

    path: str
    name: str
    common: frozenset[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class WheelFacts:
    """What a wheel has in common with a repository, whichever commit is asked about.

    Attributes:
        modules: Paths of its ``.py`` files that are not trivial.
        blobs: Path by blob id, of those that the repository holds somewhere.
        copies: Files that are copied from the pinned head, or nearly so.
    """

    modules: frozenset[str]
    blobs: Mapping[str, str]
    copies: tuple[Copy, ...]


HeadLines = Mapping[str, tuple[frozenset[str], ...]]
"""Telling lines of the pinned head's sources, by file name."""


def wheel_facts(
    sources: Iterable[tuple[str, bytes]],
    known_blobs: Callable[[Iterable[str]], frozenset[str]],
    head: HeadLines,
    policy: PackagePolicy,
) -> WheelFacts:
    """Compare a wheel's sources with a repository.

    Args:
        sources: Path in the wheel and bytes of its ``.py`` files.
        known_blobs: Those of some blob ids that the repository holds.
        head: Of ``head_lines``.
        policy: When a copy counts as one.
    """
    blobs: dict[str, str] = {}
    copies: list[Copy] = []
    for path, content in sources:
        if len(content) >= policy.trivial_bytes:
            blobs[blob_id(content)] = path
            copies += _copies(path, content, head, policy)
    known = known_blobs(blobs)
    return WheelFacts(
        modules=frozenset(blobs.values()),
        blobs={blob: path for blob, path in blobs.items() if blob in known},
        copies=tuple(copies),
    )


def _copies(path: str, content: bytes, head: HeadLines, policy: PackagePolicy) -> Iterator[Copy]:
    name = PurePosixPath(path).name
    if name in head:
        here = telling_lines(content)
        for lines in head[name]:
            common = lines & here
            if len(lines) >= _COPY_LINES and len(common) >= policy.copied_share * len(lines):
                yield Copy(path=path, name=name, common=common)


def head_lines(files: Iterable[tuple[str, bytes]]) -> dict[str, tuple[frozenset[str], ...]]:
    """Telling lines of some sources (path and bytes), by file name."""
    found: dict[str, tuple[frozenset[str], ...]] = {}
    for path, content in files:
        name = PurePosixPath(path).name
        found[name] = (*found.get(name, ()), telling_lines(content))
    return found


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnCode:
    """The repository as one commit's leak scan sees it.

    Attributes:
        name: Distribution name; empty where unknown.
        modules: Of ``own_modules``, at the commit and at the pinned head.
        later_blobs: Those of some blob ids that the base's history does not hold.
        base_lines: All telling lines of the base's sources of one file name.
    """

    name: str
    modules: frozenset[str]
    later_blobs: Callable[[Iterable[str]], frozenset[str]]
    base_lines: Callable[[str], frozenset[str]]


def own_modules(tree: Iterable[str], roots: Iterable[str]) -> frozenset[str]:
    """Importable paths below the import roots, tests and other chores left out.

    ``__init__.py`` counts not: namespace packages share it.
    """
    found: set[str] = set()
    folders = tuple(roots)
    for path in tree:
        if path.endswith(".py") and PurePosixPath(path).name != "__init__.py":
            inner = (below(path, root) for root in folders)
            found.update(part for part in inner if part and not is_chore(part))
    return frozenset(found)


def below(path: str, root: str) -> str:
    """Path relative to an import root; empty where it lies outside."""
    if root == ".":
        return path
    return path.removeprefix(f"{root}/") if path.startswith(f"{root}/") else ""


_CHORES = frozenset({"test", "tests", "testing", "docs", "doc", "bench", "benchmarks", "examples",
                     "scripts", "tools", "setup.py", "conftest.py", "noxfile.py"})  # fmt: skip


def is_chore(inner: str) -> bool:
    """Whether a path below an import root is no code that the project offers."""
    first = inner.split("/", maxsplit=1)[0]
    return first in _CHORES or first.startswith(("test_", "."))


def leak_of(name: str, facts: Callable[[], WheelFacts], own: OwnCode, policy: PackagePolicy) -> str:
    """Why a wheel leaks, in a few words; empty if it does not.

    Args:
        name: Normalised name of the wheel's distribution.
        facts: Compares its files; called only where the name does not decide.
        own: The repository.
        policy: When a copy counts as newer.
    """
    if own.name and name == canonicalize_name(own.name):
        return "own distribution"
    found = facts()
    if shared := sorted(found.modules & own.modules):
        return f"brings the repository's own module {shared[0]}"
    if later := sorted(own.later_blobs(found.blobs)):
        return f"holds a file of the history from the commit on: {found.blobs[later[0]]}"
    for copy in found.copies:
        if len(copy.common - own.base_lines(copy.name)) >= policy.copied_lines:
            return f"holds a copy that is newer than the commit's base: {copy.path}"
    return ""
