"""Commits that tell of a change to look for, and what their messages say."""

from __future__ import annotations

import re
from dataclasses import dataclass

from cra_pipeline.contracts.history import HistoryCommit
from cra_pipeline.ranking.sources import is_source

_REFERENCE = re.compile(r"\s*\(#\d+\)|\s*\(?(?:gh-)\d+\)?", re.IGNORECASE)
_TRAILER = re.compile(
    r"^(co-authored|signed-off|reviewed|closes?|fix(es|ed)?:? #|fixes|refs?|see|change-id|#|https?:"
    r"|summary:?$|differential|test plan)",
    re.IGNORECASE,
)
_NO_TASK = re.compile(
    r"^(bump|release|prepare|docs?\b|\[?doc|version|merge|revert|changelog|update changelog|"
    r"start version|preparing|\[pre-commit|fix typos?\b|typos?\b|back to dev|update readme)",
    re.IGNORECASE,
)
_MACHINE = re.compile(r"bot\b|\[bot\]|pre-commit|renovate|dependabot", re.IGNORECASE)
_DETAIL = 200
_TELLING = 4
"""Most characters of the further line, and fewest of one that says something."""


@dataclass(frozen=True, slots=True)
class CommitPolicy:
    """Which commits are asked about.

    Attributes:
        most_files: Most ``.py`` files that one changes, tests included.
        most_lines: Fewer added and deleted lines than this in them.
        fewest_words: Of the subject.
    """

    most_files: int = 5
    most_lines: int = 200
    fewest_words: int = 4


@dataclass(frozen=True, slots=True)
class TaskText:
    """What a commit's message asks for.

    Attributes:
        subject: The head line without references to issues.
        detail: First further line that says something; empty where none does.
    """

    subject: str
    detail: str = ""

    @property
    def whole(self) -> str:
        """Both lines."""
        return f"{self.subject}\n{self.detail}" if self.detail else self.subject


def may_ask(commit: HistoryCommit, policy: CommitPolicy) -> bool:
    """Whether a commit asks for a change of a few source files; lines are not looked at."""
    python = [file.path for file in commit.files if file.path.endswith(".py")]
    subject = commit.message.partition("\n")[0]
    return (
        len(commit.parents) == 1
        and 1 <= len(python) <= policy.most_files
        and any(is_source(path) for path in python)
        and len(subject.split()) >= policy.fewest_words
        and not _NO_TASK.match(subject)
        and not _MACHINE.search(f"{commit.author} <{commit.email}>")
    )


def task_text(message: str) -> TaskText:
    """Subject and first telling line of a message."""
    subject, _, body = message.partition("\n")
    subject = _REFERENCE.sub("", subject).strip()
    lines = (line.strip(" *-\t\r") for line in body.splitlines())
    # Many bodies begin with the subject once more.
    said = {"", subject.lower().rstrip(".")}
    told = (
        line
        for line in lines
        if len(line) >= _TELLING
        and line.lower().rstrip(".") not in said
        and not _TRAILER.match(line)
    )
    return TaskText(subject, next(told, "")[:_DETAIL])


def names_module(path: str, text: str) -> bool:
    """Whether a text names a file: its path, file name or module word, plurals included."""
    lowered, path = text.lower(), path.lower()
    folder, _, name = path.rpartition("/")
    if path in lowered or (name in lowered and name != "__init__.py"):
        return True
    stem = name.removesuffix(".py")
    if stem in {"__init__", "__main__"}:
        stem = folder.rpartition("/")[2] or stem
    stem = stem.strip("_")
    spaced = lowered.replace("_", " ")
    forms = {stem, stem.replace("_", "-"), stem.replace("_", ""), stem.replace("_", " ")}
    forms |= {stem.rstrip("s"), f"{stem}s", f"{stem}es"}
    return any(len(form) > 1 and (_holds(lowered, form) or _holds(spaced, form)) for form in forms)


def _holds(text: str, word: str) -> bool:
    return re.search(rf"(?<![a-z0-9]){re.escape(word)}(?![a-z0-9])", text) is not None
