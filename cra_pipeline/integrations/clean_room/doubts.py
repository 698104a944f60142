"""Whether what an agent came back with is what its answers said.

Code that a model wrote runs elsewhere, in a sandbox of its own; this is the second line of defence,
against whatever runs beside the agent all the same. A run that says it is complete is replayed: its
logged edits, applied to the base by the agent's own rules, have to give the tree that came back,
and every answered call has to stand in the agent's own log.
"""

from __future__ import annotations

import contextlib
import posixpath
import tempfile
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from cra_pipeline.contracts.calls import CallRecord
from cra_pipeline.contracts.tasks import Outcome
from cra_pipeline.errors import StoreError
from cra_pipeline.gold.edits import read
from cra_pipeline.gold.worktree import Worktree
from cra_pipeline.integrations.clean_room.endings import RunEnding
from cra_pipeline.integrations.clean_room.launch import Left
from cra_pipeline.integrations.leftovers import prefix_of
from cra_pipeline.integrations.raw_db.outcome import logged_calls

_EDITS = ("implement", "test_implement", "documentation")
_LOST = frozenset({
    "assembly_refilter", "part_plan", "symbol_targeting", "step_design",
    "step_dependency", "adjustment", "documentation", "test_plan",
})  # fmt: skip
"""Kinds whose answer a complete run may throw away, and with it its log: a part without a plan is
passed over, and so are an adjustment, documentation or tests for which a call was of no use."""
_GIT = ".git"


def doubted(ending: RunEnding, left: Left, tree: Path, calls: Sequence[CallRecord]) -> RunEnding:
    """The ending, or ``agent_error`` where tree or calls are not the agent's own.

    Args:
        ending: Of a run that is to be judged.
        left: What came back.
        tree: The base that it started from, on disk.
        calls: The gateway's log.
    """
    odd = _odd_tree(left, tree, calls)
    if odd:
        return replace(ending, outcome=Outcome.AGENT_ERROR, reason="tree_differs", detail=odd)
    odd = _odd_calls(left, calls)
    if odd:
        return replace(ending, outcome=Outcome.AGENT_ERROR, reason="foreign_calls", detail=odd)
    return ending


def _odd_tree(left: Left, tree: Path, calls: Sequence[CallRecord]) -> str:
    """First path that is not as the answers leave it; empty where all are."""
    expected = _replayed(tree, calls)
    found = {path: content.decode("utf-8", "replace") for path, content in left.changed.items()}
    for path in sorted({*expected, *found}):
        if path not in found:
            if expected[path].encode() != (tree / path).read_bytes():
                return f"{path}: an answer changed it, the returned tree does not"
        elif found[path] != expected.get(path):
            return f"{path}: differs from what the answers make of it"
    return f"{left.deleted[0]}: no answer can delete it" if left.deleted else ""


def _replayed(tree: Path, calls: Sequence[CallRecord]) -> dict[str, str]:
    edits = [call for call in calls if call.call_kind in _EDITS and call.finish != "error"]
    worktree = Worktree(_named_texts(tree, edits))
    for call in edits:
        worktree.edit(call.call_kind, call.prompt, call.response)
    return worktree.final()


def _named_texts(tree: Path, calls: Sequence[CallRecord]) -> dict[str, str]:
    """Text of every file of the base, of whatever kind, that an answer wants to edit."""
    paths: set[str] = set()
    for call in calls:
        # The agent refuses what cannot be read, and so does the replay.
        with contextlib.suppress(ValueError):
            paths |= {posixpath.normpath(edit.path) for edit in read(call.response)}
    texts = {path: _text(tree, path) for path in sorted(paths)}
    return {path: text for path, text in texts.items() if text is not None}


def _text(tree: Path, path: str) -> str | None:
    """A file as the agent reads it to edit it, or None: UTF-8, its lines ended by line feeds."""
    try:
        place = (tree / path).resolve()
        within = place.relative_to(tree.resolve())
        return None if _GIT in within.parts else place.read_text(encoding="utf-8")
    except (OSError, ValueError):
        return None


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
