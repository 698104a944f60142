"""A change that a published row asks for, or the reason why it cannot be said."""

from __future__ import annotations

from dataclasses import dataclass

STUB = "PLACEHOLDER = None\n"
"""Text of a file that does not exist yet: the agent edits files, it never creates one."""
PROGRAM = "solution.py"
"""File that a whole program is written into."""
MODULE = "module.py"
"""File of code whose name the set does not tell."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """A task and the change of one file that fulfils it.

    Attributes:
        task: In words, as the set says them.
        path: The file.
        before: Its text, which the prompt shows.
        after: Its text afterwards.
        symbols: Definitions that the step names as its targets.
        sha: Commit, where the row is one.
    """

    task: str
    path: str
    before: str
    after: str
    symbols: tuple[str, ...] = ()
    sha: str = ""


@dataclass(frozen=True, slots=True)
class Dropped:
    """A row that gives no example.

    Attributes:
        reason: Short and countable, such as ``other_language``.
        evidence: What of the row decided it.
    """

    reason: str
    evidence: str = ""
