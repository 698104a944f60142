"""Rows that answer with search-and-replace blocks between conflict markers."""

from __future__ import annotations

import re

from cra_pipeline.contracts.cold_start import PublishedRow
from cra_pipeline.datasets.cold_start.wanted import MODULE, Dropped, Wanted
from cra_pipeline.gold.edits import Edit, applied
from cra_pipeline.gold.syntax import parsed

_BLOCK = re.compile(
    r"^<{5,9} SEARCH\n(?P<search>.*?)^={5,9}\n(?P<replace>.*?)^>{5,9} REPLACE[ \t]*$",
    re.MULTILINE | re.DOTALL,
)
_CODE = re.compile(r"^```[^\n]*\n(.*?)^```[ \t]*$", re.MULTILINE | re.DOTALL)


def wanted_blocks(row: PublishedRow) -> Wanted | Dropped:
    """The change that the blocks make to the one piece of code in the prompt that they fit."""
    # Ends of lines as Windows writes them are no part of the code: the agent shows and says none.
    prompt, said = (row.texts[name].replace("\r\n", "\n") for name in ("prompt", "completion"))
    edits = [Edit(MODULE, *found) for found in _BLOCK.findall(said)]
    if not edits:
        return Dropped("no_blocks")
    fitting = []
    for shown in _CODE.findall(prompt):
        try:
            fitting.append((shown, applied(edits, {MODULE: shown})[MODULE]))
        except ValueError:
            continue
    if len(fitting) != 1:
        return Dropped("no_code_fits", str(len(fitting)))
    before, after = fitting[0]
    if parsed(after) is None:
        return Dropped("other_language")
    # The code itself is shown as a file: what is left of the prompt is the task.
    task = _CODE.sub(lambda found: "" if found[1] == before else found[0], prompt)
    return Wanted(task=task, path=MODULE, before=before, after=after)
