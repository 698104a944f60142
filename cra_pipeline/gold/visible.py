"""Is an attempt's log worth learning from, and did it end in the commit's own files.

An equal tree says nothing about the prompts: the oracle succeeds with an empty context too.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

from cra_pipeline.contracts.calls import CallRecord
from cra_pipeline.gold.answers import files_in
from cra_pipeline.gold.book import GoldBook
from cra_pipeline.gold.change import GoldChange
from cra_pipeline.gold.edits import Edit, read
from cra_pipeline.gold.prompts import asked_step, body, mentions, shown_code

_WHOLE = frozenset({"meta_plan", "change_point_enum"})
"""Kinds of call that plan the whole task."""
_STEPS = frozenset({"implement", "test_implement"})


def usable(book: GoldBook, calls: Sequence[CallRecord]) -> tuple[bool, str]:
    """Whether every prompt shows what its answer needs; otherwise the first miss.

    Each prompt that plans the whole task shows code of every changed code file, and some prompt
    that plans tests names every changed test file. An answer to a planning call names no file
    that its own prompt does not. Every changed file is edited by some answer, and each search
    text of each edit stands in what that very prompt shows of that very file: neither another
    file's code nor the words of the task count, and an empty context shows nothing.

    That the attempt ended as the commit did is ``reproduced``; both together make it usable.
    """
    answered = [call for call in calls if call.finish != "error"]
    change = GoldChange(book)
    misses = (*_unplanned(change, answered), *_unnamed(answered), *_unseen(change, answered))
    first = next(iter(misses), "")
    return not first, first


def _unplanned(change: GoldChange, calls: Iterable[CallRecord]) -> Iterator[str]:
    planned = [shown_code(call.prompt) for call in calls if call.call_kind in _WHOLE]
    tested = [call.prompt for call in calls if call.call_kind == "test_plan"]
    for path in change.code:
        if not planned or not all(shown.get(path, "").strip() for shown in planned):
            yield f"{path}: not shown where the task is planned"
    for path in change.tests:
        if not any(mentions(prompt, path) for prompt in tested):
            yield f"{path}: not named where its tests are planned"


def _unnamed(calls: Iterable[CallRecord]) -> Iterator[str]:
    for call in calls:
        for path in files_in(call.call_kind, call.response):
            if not mentions(call.prompt, path):
                yield f"{path}: call {call.number} plans it, but its prompt does not name it"


def _unseen(change: GoldChange, calls: Iterable[CallRecord]) -> Iterator[str]:
    edited: set[str] = set()
    for call in calls:
        if call.call_kind == "documentation":
            shown = body(call.prompt)
            found = _edits(call) or ()
            yield from (_miss(call, edit) for edit in found if edit.search not in shown)
        elif call.call_kind in _STEPS:
            yield from _unseen_step(call)
            edited |= {edit.path for edit in _edits(call) or ()}
    yield from (f"{path}: no answer edits it" for path in change.order if path not in edited)


def _unseen_step(call: CallRecord) -> Iterator[str]:
    edits = _edits(call)
    try:
        shown = shown_code(asked_step(call.prompt).before)
    except ValueError:
        edits = None
    if edits is None:
        yield f"call {call.number}: an answer without edits"
        return
    yield from (_miss(call, edit) for edit in edits if edit.search not in shown.get(edit.path, ""))


def _edits(call: CallRecord) -> tuple[Edit, ...] | None:
    try:
        return read(call.response)
    except ValueError:
        return None


def _miss(call: CallRecord, edit: Edit) -> str:
    line = edit.search.strip().partition("\n")[0]
    return f"{edit.path}: call {call.number} searches {line[:60]!r}, which is not shown"


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
