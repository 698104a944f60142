"""The task text given to the agent, and the one sentence that sums a text up.

Nothing here knows more of the commit than the paths that the form ``names`` gives away.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Literal

Form = Literal["names", "metadata"]

_LONGEST = 300
"""Characters of a summary."""
_LISTING = re.compile(r"(?:Code|Tests|Files): ?.*|\S+\.pyi?", re.IGNORECASE)
_SENTENCE = re.compile(r"(?<=[.!?])\s+(?=[A-Z`\"'])")


def task_text(statement: str, paths: Iterable[str], form: Form) -> str:
    """The text that the agent gets.

    Args:
        statement: What is to be done, cleaned.
        paths: Changed code and test files.
        form: ``names`` adds the paths, each on a line of its own: the agent's search loses every
            second of neighbours on one line. ``metadata`` adds nothing.
    """
    if form == "metadata":
        return statement
    return "\n".join([statement.rstrip(), "", "Files:", *sorted(set(paths))])


def intent(text: str) -> str:
    """One or two sentences that say what a task, part or step text asks for.

    Drawn from the text alone, so that nothing of the diff reaches later prompts through it.
    """
    lines = [line.strip() for line in text.split("\n")]
    prose = " ".join(line for line in lines if line and not _LISTING.fullmatch(line))
    sentences = _SENTENCE.split(prose or " ".join(text.split()) or "Do the task.")
    summed = sentences[0]
    if len(sentences) > 1 and len(summed) + len(sentences[1]) < _LONGEST:
        summed = f"{_ended(summed)} {sentences[1]}"
    return _ended(summed if len(summed) <= _LONGEST else _cut(summed))


def _cut(text: str) -> str:
    return text[:_LONGEST].rpartition(" ")[0] or text[:_LONGEST]


def _ended(text: str) -> str:
    text = text.rstrip(" ,;:")
    return text if text.endswith((".", "!", "?")) else f"{text}."
