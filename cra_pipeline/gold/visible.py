"""Is an attempt's log worth learning from, and did it end in the commit's own files.

An equal tree says nothing about the prompts: the oracle succeeds with an empty context too.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from cra_pipeline.contracts.calls import CallRecord
from cra_pipeline.gold.book import GoldBook
from cra_pipeline.gold.change import GoldChange
from cra_pipeline.gold.edits import read
from cra_pipeline.gold.prompts import asked_step, shown_paths


def usable(book: GoldBook, calls: Sequence[CallRecord]) -> tuple[bool, str]:
    """Whether every prompt shows what its answer needs; otherwise the first miss.

    Every changed code file is shown where the whole task is planned, every changed test file is
    named where its tests are, and every search text stands in its own prompt before the step.
    """
    answered = [call for call in calls if call.finish != "error"]
    misses = (*_unplanned(book, answered), *_unseen(answered))
    first = next(iter(misses), "")
    return not first, first


def _unplanned(book: GoldBook, calls: Iterable[CallRecord]) -> Iterable[str]:
    change = GoldChange(book)
    prompts: dict[str, list[str]] = {}
    for call in calls:
        prompts.setdefault(call.call_kind, []).append(call.prompt)
    planned = [*prompts.get("meta_plan", ()), *prompts.get("change_point_enum", ())]
    shown = {path for prompt in planned for path in shown_paths(prompt)}
    for path in change.code:
        if path not in shown:
            yield f"{path}: not shown where the task is planned"
    for path in change.tests:
        if not any(path in prompt for prompt in prompts.get("test_plan", ())):
            yield f"{path}: not named where its tests are planned"


def _unseen(calls: Iterable[CallRecord]) -> Iterable[str]:
    for call in calls:
        if call.call_kind not in {"implement", "test_implement"}:
            continue
        try:
            edits, asked = read(call.response), asked_step(call.prompt)
        except ValueError:
            yield f"call {call.number}: an answer without edits"
            continue
        for edit in edits:
            if edit.search not in asked.before:
                line = edit.search.strip().partition("\n")[0]
                yield f"{edit.path}: call {call.number} searches {line[:60]!r}, which is not shown"


def reproduced(book: GoldBook, final: Mapping[str, str]) -> tuple[bool, str]:
    """Whether all changed ``.py`` files are as the commit leaves them; otherwise the first miss.

    Args:
        book: The attempt.
        final: Text of each changed file at the attempt's end, by path.
    """
    for path, text in sorted(book.after.items()):
        if final.get(path) != text:
            return False, f"{path}: not as the commit leaves it"
    return True, ""
