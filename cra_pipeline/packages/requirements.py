"""Requirement lines as people write them, turned into lines that an index can answer.

Markers are evaluated for the interpreter that runs this. What only a build or another machine
could provide (addresses, local paths, version control) is left out with a note.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from packaging.markers import UndefinedEnvironmentName
from packaging.requirements import InvalidRequirement, Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name

_COMMENT = re.compile(r"(^|\s)#.*$")
_OPTION = re.compile(r"\s--?[a-z][\w-]*(?:[= ]\S+)?")
_ADDRESS = re.compile(r"(?:git|hg|svn|bzr)\+|[a-z]+://|^[./~]|^file:", re.IGNORECASE)
_PROBED_PYTESTS = ("7.2.2", "7.4.4", "8.0.2", "8.2.2", "8.3.5", "8.4.2", "9.0.2", "9.9", "10.9")


@dataclass(frozen=True, slots=True)
class Cleaned:
    """Requirements that hold on this interpreter, and what was left out.

    Attributes:
        lines: Sorted, unique, without markers.
        own_extras: Extras that the project asks of itself, such as ``pkg[tests]``.
        notes: One sentence for each requirement that was left out.
    """

    lines: tuple[str, ...]
    own_extras: tuple[str, ...]
    notes: tuple[str, ...]


def file_lines(text: str) -> tuple[list[str], list[str]]:
    """Requirement lines of a requirements file, and the files that it includes by ``-r``."""
    lines: list[str] = []
    included: list[str] = []
    for raw in text.replace("\\\n", " ").splitlines():
        line = _COMMENT.sub("", raw).strip()
        match = re.match(r"(?:-r|--requirement)[= ]?\s*(\S+)", line)
        if match:
            included.append(match[1])
        elif line.startswith(("-e", "--editable")):
            lines.append(line.split(maxsplit=1)[-1])
        elif line and not line.startswith("-"):
            lines.append(_OPTION.sub("", line).strip())
    return lines, included


def clean(lines: Iterable[str], own_name: str) -> Cleaned:
    """Keep what an index can answer on this interpreter.

    Args:
        lines: Requirements (PEP 508), direct references and paths among them.
        own_name: Name of the project; requirements on it are turned into ``own_extras``.
    """
    kept: set[str] = set()
    extras: set[str] = set()
    notes: set[str] = set()
    for line in lines:
        local = re.fullmatch(r"(?:file:)?\.?/?\s*(?:\[([\w\s,.-]+)\])?", line.strip())
        if local:
            extras.update(part.strip() for part in (local[1] or "").split(",") if part.strip())
            continue
        requirement = _parse(line, notes)
        if requirement is None or not _holds(requirement):
            continue
        if canonicalize_name(requirement.name) == canonicalize_name(own_name):
            extras.update(requirement.extras)
        else:
            kept.add(plain(requirement))
    return Cleaned(tuple(sorted(kept)), tuple(sorted(extras)), tuple(sorted(notes)))


def _parse(line: str, notes: set[str]) -> Requirement | None:
    if _ADDRESS.search(line.partition("@")[0].strip()):
        notes.add(f"left out, no index can answer it: {line.strip()[:80]}")
        return None
    try:
        requirement = Requirement(line)
    except InvalidRequirement:
        notes.add(f"left out, not a requirement: {line.strip()[:80]}")
        return None
    if requirement.url:
        notes.add(f"left out, a direct address: {requirement.name}")
        return None
    return requirement


def _holds(requirement: Requirement) -> bool:
    if requirement.marker is None:
        return True
    try:
        return requirement.marker.evaluate({"extra": ""})
    except UndefinedEnvironmentName:
        return False


def plain(requirement: Requirement) -> str:
    """Name in its normal form, extras and versions, nothing else."""
    extras = f"[{','.join(sorted(requirement.extras))}]" if requirement.extras else ""
    return f"{canonicalize_name(requirement.name)}{extras}{requirement.specifier}"


def with_pytest(lines: Iterable[str], floor: str) -> tuple[str, ...]:
    """Add pytest from ``floor`` on; a bound of the project that excludes all such is dropped."""
    lowest = SpecifierSet(f">={floor}")
    kept = {f"pytest>={floor}"}
    for line in lines:
        requirement = Requirement(line)
        if requirement.name == "pytest":
            both = requirement.specifier & lowest
            kept.add(line if any(both.filter(_PROBED_PYTESTS)) else "pytest")
        else:
            kept.add(line)
    return tuple(sorted(kept))


def name_of(line: str) -> str:
    """Normal form of the distribution that a cleaned line asks for."""
    return canonicalize_name(Requirement(line).name)


def loosened(lines: tuple[str, ...], words: str) -> tuple[tuple[str, ...], str] | None:
    """Give way at the requirement that a failed resolution names.

    Its version bound goes first; where it has none, the whole requirement. pytest always stays.

    Args:
        lines: The requirements that could not be met.
        words: What the resolver said.

    Returns:
        The remaining lines and a note, or None where no requirement is named.
    """
    mentioned = [line for line in lines if _mentioned(name_of(line), words)]
    culprits = [line for line in mentioned if name_of(line) != "pytest"]
    if not culprits:
        return None
    culprit = min(culprits, key=lambda line: (not _blamed(name_of(line), words), line))
    name = name_of(culprit)
    rest = tuple(line for line in lines if line != culprit)
    if Requirement(culprit).specifier:
        return tuple(sorted({*rest, name})), f"version bound dropped: {culprit}"
    return rest, f"left out, cannot be had as a wheel: {name}"


def _mentioned(name: str, words: str) -> bool:
    return re.search(rf"(?<![\w.-]){re.escape(name)}(?![\w-])", words) is not None


def _blamed(name: str, words: str) -> bool:
    fault = r"(?:\S* )?(?:has|have) no |(?:\S* )?was not found|\S* (?:was|were) not found"
    return re.search(rf"(?<![\w.-]){re.escape(name)}[^ ,]* (?:{fault})", words) is not None
