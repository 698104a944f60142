"""Rows whose answer is a sequence of small diffs, each marked by ``<|diff|>``.

A diff is hunks without file headers (``@@ -a,b +c,d @@``), as LintSeq writes them.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import zip_longest

from cra_pipeline.contracts.cold_start import PublishedRow
from cra_pipeline.datasets.cold_start.wanted import MODULE, STUB, Dropped, Wanted
from cra_pipeline.diffs import lines_of
from cra_pipeline.gold.syntax import parsed

_MARK = "<|diff|>"
_HUNK = re.compile(r"@@ -(?P<start>\d+)(?:,(?P<count>\d+))? \+\d+(?:,\d+)? @@[^\n]*")


def wanted_diffs(row: PublishedRow) -> Wanted | Dropped:
    """All diffs of a row together, from the state that it starts with."""
    texts = row.texts
    steps = [piece for piece in texts["completion"].split(_MARK) if _HUNK.search(piece)]
    if not steps:
        return Dropped("no_diffs")
    state = texts["program_start"]
    try:
        for step in steps:
            state = patched(state, step)
    except ValueError as error:
        return Dropped("diff_does_not_apply", str(error))
    if parsed(state) is None:
        return Dropped("not_python")
    start = texts["program_start"]
    # The state is shown as a file: what is left of the prompt is the task.
    task = texts["prompt"].replace(start, "") if start.strip() else texts["prompt"]
    return Wanted(task=task, path=MODULE, before=start if start.strip() else STUB, after=state)


def patched(text: str, diff: str) -> str:
    """A text after the hunks of one diff.

    Raises:
        ValueError: The text is not the one that the diff was made of.
    """
    old = lines_of(text if not text or text.endswith("\n") else f"{text}\n")
    done: list[str] = []
    position = 0
    pieces = list(_HUNK.finditer(diff))
    for piece, following in zip_longest(pieces, pieces[1:]):
        body = diff[piece.end() : following.start() if following else None].strip("\n").split("\n")
        count = int(piece["count"] or 1)
        # Of an insertion the line is the one after which it comes.
        start = int(piece["start"]) - (1 if count else 0)
        removed = [line[1:] + "\n" for line in body if line[:1] in {"-", " "}]
        if start < position or old[start : start + count] != removed:
            raise ValueError(f"hunk {piece[0]!r} does not fit")
        done += old[position:start]
        done += _added(body)
        position = start + count
    return "".join([*done, *old[position:]])


def _added(body: Sequence[str]) -> list[str]:
    return [line[1:] + "\n" for line in body if line[:1] in {"+", " "}]
