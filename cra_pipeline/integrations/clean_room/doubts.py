"""Whether what an agent came back with is what its answers said.

Code that a model wrote runs elsewhere, in a sandbox of its own; this is the second line of defence,
against whatever runs beside the agent all the same. A run that says it is complete is replayed: its
logged edits, applied to the base by the agent's own rules, have to give the tree that came back,
and every answered call has to stand in the agent's own log.
"""

from __future__ import annotations

import tempfile
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from cra_pipeline.contracts.calls import CallRecord
from cra_pipeline.contracts.tasks import Outcome
from cra_pipeline.errors import StoreError
from cra_pipeline.gold.book import GoldBook
from cra_pipeline.gold.worktree import Worktree
from cra_pipeline.integrations.clean_room.endings import RunEnding
from cra_pipeline.integrations.clean_room.launch import Left
from cra_pipeline.integrations.leftovers import prefix_of
from cra_pipeline.integrations.raw_db.outcome import logged_calls

_EDITS = ("implement", "test_implement", "documentation")
_LOST = frozenset({"test_plan", "adjustment"})
"""Kinds whose answer a complete run may throw away unread, and with it its log."""


def doubted(
    ending: RunEnding, left: Left, book: GoldBook, calls: Sequence[CallRecord]
) -> RunEnding:
    """The ending, or ``agent_error`` where tree or calls are not the agent's own.

    Args:
        ending: Of a run that is to be judged.
        left: What came back.
        book: The base.
        calls: The gateway's log.
    """
    odd = _odd_tree(left, book, calls)
    if odd:
        return replace(ending, outcome=Outcome.AGENT_ERROR, reason="tree_differs", detail=odd)
    odd = _odd_calls(left, calls)
    if odd:
        return replace(ending, outcome=Outcome.AGENT_ERROR, reason="foreign_calls", detail=odd)
    return ending


def _odd_tree(left: Left, book: GoldBook, calls: Sequence[CallRecord]) -> str:
    """First path that is not as the answers leave it; empty where all are."""
    expected = _replayed(book.before, calls)
    found = {path: content.decode("utf-8", "replace") for path, content in left.changed.items()}
    for path in sorted({*expected, *found}):
        if path not in found:
            if expected[path] != book.before.get(path):
                return f"{path}: an answer changed it, the returned tree does not"
        elif found[path] != expected.get(path):
            return f"{path}: differs from what the answers make of it"
    return f"{left.deleted[0]}: no answer can delete it" if left.deleted else ""


def _replayed(before: Mapping[str, str], calls: Sequence[CallRecord]) -> dict[str, str]:
    tree = Worktree(before)
    for call in calls:
        if call.call_kind in _EDITS and call.finish != "error":
            tree.edit(call.call_kind, call.prompt, call.response)
    return tree.final()


def _odd_calls(left: Left, calls: Sequence[CallRecord]) -> str:
    """Whether the gateway answered what the agent's log does not hold."""
    with tempfile.TemporaryDirectory(prefix=prefix_of("cra")) as folder:
        place = Path(folder) / "raw.sqlite"
        place.write_bytes(left.databases.get("raw.sqlite", b""))
        try:
            logged = Counter(
                (call.system_prompt, call.prompt, call.response) for call in logged_calls(place)
            )
        except StoreError as error:
            return str(error).rpartition("raw.sqlite: ")[2]
    answered = Counter(
        (call.system, call.prompt, call.response)
        for call in calls
        if call.finish != "error" and call.call_kind not in _LOST
    )
    beside = answered - logged
    return f"{beside.total()} answered calls are not in the agent's log" if beside else ""
