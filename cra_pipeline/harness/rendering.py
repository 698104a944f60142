"""Prompts and answers for attempts whose backend calls no model.

Pure and repeatable. The prompt holds the statement and the touched files as they were before the
commit, never a hidden test; it is the same for every attempt on a task, so that answers pair up.
Documentation stays out of both: it decides no test, and a changelog would drown the code.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import PurePosixPath

from cra_pipeline.harness.edits import render_edits

SYSTEM = (
    "You change a Python repository. You get a task and the files that it touches. Answer with "
    "edits only. To change a file, write an <edit> block whose <search> text occurs exactly once "
    "in the file and whose <replacement> takes its place. To add a file, write a <create> block "
    "with its whole text; to remove one, a <delete> block."
)

_PROSE_SUFFIXES = frozenset({".md", ".rst", ".adoc"})
_PROSE_NAMES = ("changelog", "changes", "news", "history", "authors", "contributors", "release")
_PROSE_FOLDERS = frozenset({"docs", "doc", "changelog.d", "newsfragments"})


def is_prose(path: str) -> bool:
    """Whether a file documents rather than runs."""
    parts = PurePosixPath(path)
    if parts.suffix == ".py":
        return False
    named = parts.name.lower().startswith(_PROSE_NAMES)
    return named or parts.suffix in _PROSE_SUFFIXES or bool(_PROSE_FOLDERS & set(parts.parts[:-1]))


def code_only(files: Mapping[str, str]) -> dict[str, str]:
    """The files that a prompt shows and an answer edits."""
    return {path: text for path, text in files.items() if not is_prose(path)}


def render_prompt(statement: str, before: Mapping[str, str]) -> str:
    """User text of a task.

    Args:
        statement: What is asked for.
        before: Pre-commit text of the touched files by path; files yet to be added are absent.
    """
    files = "\n\n".join(f"## {path}\n{text}" for path, text in sorted(code_only(before).items()))
    return f"# Task\n{statement}\n\n# Files\n{files or '(none yet)'}\n"


def render_answer(before: Mapping[str, str], after: Mapping[str, str]) -> str:
    """Answer that makes ``after`` of ``before``; prose is left as it is.

    Raises:
        ValueError: The change has no form as edits.
    """
    return render_edits(code_only(before), code_only(after))
