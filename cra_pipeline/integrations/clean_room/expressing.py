"""A commit as the agent can be asked for it: which files it edits, and what it is given. Pure.

The agent edits existing text of Python files. Added files start as stubs, deleted ones are gone:
that is all in which its base differs from the commit's parent. Changed files of other kinds and
settings of the test runner are given to its tests alone, where those run, as the commit leaves
them: they are in no tree that it sees or indexes.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import PurePosixPath

from cra_pipeline.diffs import Blob
from cra_pipeline.gold.prepared import prepare
from cra_pipeline.integrations.agents.supplies import Materials

_FILE, _SCRIPT = "100644", "100755"
_PROSE = frozenset({"", ".md", ".rst", ".adoc", ".txt"})
_PROSE_FOLDERS = frozenset({
    "docs", "doc", "documentation", "changes", "changelog", "changelog.d", "news", "newsfragments",
})  # fmt: skip
"""At the top of a tree; data lies below them, too, but not under an ending of prose."""
_PROSE_NAME = re.compile(
    r"(readme|changelog|changes|history|news|releases?|release[_-]notes|authors|contributors|"
    r"copying|contributing|code_of_conduct|security|licen[cs]e|notice|credits|thanks|todo|faq|"
    r"upgrading)\Z",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Expressed:
    """What the agent starts from and what it has to reach.

    Attributes:
        problem: Why it cannot be asked; empty where it can, and nothing else counts where not.
        prepared: Files of the base that differ from the parent's: stubs.
        given: Files that the test command needs beside, as the commit leaves them.
        deleted: Files that the base has no more.
        before: Text of each file to edit, at the base.
        after: Text of each, after the commit.
        tests: Which of them are tests.
        untouchable: Hidden files that are given, so that no proposal may name them.
    """

    problem: str = ""
    prepared: Mapping[str, Blob]
    given: Mapping[str, Blob]
    deleted: frozenset[str]
    before: Mapping[str, str]
    after: Mapping[str, str]
    tests: frozenset[str]
    untouchable: frozenset[str] = frozenset()

    def proposed(self, changed: Mapping[str, str]) -> dict[str, str]:
        """What differs from the parent anyway, and over it what the agent changed."""
        beside = {
            path: blob.content.decode()
            for path, blob in {**self.given, **self.prepared}.items()
            if path not in self.untouchable
        }
        return {**beside, **changed}

    def removed(self, deleted: tuple[str, ...]) -> tuple[str, ...]:
        """Everything that is gone afterwards, sorted."""
        return tuple(sorted((self.deleted | set(deleted)) - self.untouchable))


def expressed(materials: Materials) -> Expressed:
    """Decide what is asked of the agent, before anything is run."""
    before, after = materials.before, materials.after
    python = {path for path in {*before, *after} if path.endswith(".py")} - materials.steering
    problem = _unsayable(materials, python)
    if problem:
        return _refused(problem)
    prepared = prepare(_texts(before, python), _texts(after, python))
    if prepared.problem:
        return _refused(prepared.problem)
    given = _given(materials, python)
    stubs = {path: Blob(after[path].mode, text.encode()) for path, text in prepared.base.items()}
    laid = {path: blob for path, blob in stubs.items() if _differs(blob, before.get(path))}
    gone = {path for path in before if path not in after and _is_data(materials, path)}
    edited = frozenset(prepared.edited)
    return Expressed(
        prepared=laid,
        given=given,
        deleted=frozenset(gone),
        before={path: prepared.base[path] for path in edited},
        after=_texts(after, edited),
        tests=edited & materials.hidden,
        untouchable=frozenset(materials.hidden) - edited - set(stubs),
    )


def _given(materials: Materials, python: set[str]) -> dict[str, Blob]:
    return {
        path: blob
        for path, blob in materials.after.items()
        if path not in python and _is_data(materials, path)
    }


def _is_data(materials: Materials, path: str) -> bool:
    """Whether tests may hang on a file that is not Python's."""
    return path in materials.hidden or path in materials.read_by_tests or not _is_prose(path)


def _refused(problem: str) -> Expressed:
    nothing: frozenset[str] = frozenset()
    return Expressed(
        problem=problem, prepared={}, given={}, deleted=nothing, before={}, after={}, tests=nothing
    )


def _unsayable(materials: Materials, python: set[str]) -> str:
    for path, blob in sorted({**materials.before, **materials.after}.items()):
        if path in python and blob.mode not in {_FILE, _SCRIPT}:
            return f"{path}: a link or submodule"
        if path in python and not _is_utf8(blob.content):
            return f"{path}: no UTF-8, so the agent cannot read it"
        if path not in materials.hidden and b"\0" in blob.content:
            return f"{path}: binary"
    for path, blob in sorted(_given(materials, python).items()):
        if path not in materials.hidden and not _is_utf8(blob.content):
            return f"{path}: no UTF-8, so no proposal can hold it"
    both = python & set(materials.before) & set(materials.after)
    for path in sorted(both):
        if not _is_utf8(materials.before[path].content):
            return f"{path}: no UTF-8, so the agent cannot read it"
    return ""


def _differs(blob: Blob, earlier: Blob | None) -> bool:
    return earlier is None or earlier.content != blob.content or earlier.mode != blob.mode


def _texts(files: Mapping[str, Blob], paths: set[str] | frozenset[str]) -> dict[str, str]:
    return {path: files[path].content.decode() for path in sorted(paths & set(files))}


def _is_utf8(content: bytes) -> bool:
    try:
        content.decode()
    except UnicodeDecodeError:
        return False
    return True


def _is_prose(path: str) -> bool:
    """Whether people alone read it: text by its ending, at a place where such text lies.

    A text anywhere else may be data of the program, such as a grammar.
    """
    place = PurePosixPath(path)
    folders = place.parts[:-1]
    if place.suffix.lower() not in _PROSE:
        return False
    if folders:
        return folders[0].lower() in _PROSE_FOLDERS
    return bool(_PROSE_NAME.match(place.stem))
