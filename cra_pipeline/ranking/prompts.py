"""How a model is asked whether a task changes a file: a short chat with the answer yes or no."""

from __future__ import annotations

from collections.abc import Sequence

from cra_pipeline.ranking.messages import TaskText
from cra_pipeline.ranking.signals import Signals
from cra_pipeline.ranking.sources import SourceFile, mentions

SYSTEM = "Answer yes or no."
QUESTION = "Does the task change this file?"

_SUBJECT, _DETAIL, _PATH, _NAME = 200, 120, 100, 32
_MENTIONED = 12
"""Characters of each piece, and names at most: a small model pays for every token."""


def task_lines(task: TaskText) -> str:
    """First section of the prompt, equal for all files of a task."""
    lines = [f"Task: {task.subject[:_SUBJECT]}"]
    return "\n".join([*lines, task.detail[:_DETAIL]] if task.detail else lines)


def scope_prompt(
    task: TaskText, file: SourceFile, found: Signals, wanted: Sequence[str], *, ranks: bool = True
) -> str:
    """The user's message about one file.

    Args:
        task: What is asked for.
        file: The file.
        found: Its signals.
        wanted: The task's words, the rarest first: the file's identifiers with them are shown.
        ranks: Whether the signals are told as well.
    """
    names = mentions(file, wanted, most=_MENTIONED)
    lines = [
        task_lines(task),
        "",
        f"File: {file.path[-_PATH:]}",
        f"Defines: {_listed(file.defines)}",
        f"Mentions: {_listed(names)}",
        *([_told(found)] if ranks else []),
        QUESTION,
    ]
    return "\n".join(lines)


def _listed(names: Sequence[str]) -> str:
    return ", ".join(name[:_NAME] for name in names) or "nothing"


def _told(found: Signals) -> str:
    text, path, often, recent = found.ranks
    return (
        f"Ranks of {found.files}: text {text} ({found.text * 9:.0f}), "
        f"path {path} ({found.path:.0f}), often {often} ({found.changes}), "
        f"recent {recent} ({max(0.0, found.days):.0f} days)"
    )
