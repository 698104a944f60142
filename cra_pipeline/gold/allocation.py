"""How much of each file one retrieval pass should show, within the agent's budget.

A file is shown whole, as an excerpt of its touched symbols, or by signatures alone. Greedy in the
order of the pass's files; every later file keeps enough room to be named.
"""

from __future__ import annotations

import enum
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from cra_pipeline.contracts.calls import IndexedSymbol
from cra_pipeline.diffs import lines_of
from cra_pipeline.gold.change import FileChange, GoldChange

FRAME = 500
"""Characters around a file's code: its heading, purpose and tags, with room for rounding."""
_SIGNATURE = 120
"""Characters that a signature may take where its first line is shorter."""
_COMMON = 3
"""Files from which a name is too common to say which of them is meant."""
_HELPERS = 8_000
"""Most characters that signatures of unchanged files may fill in one pass."""


class Showing(enum.Enum):
    """How a file appears in a pass."""

    WHOLE = "whole"
    EXCERPT = "excerpt"
    SIGNATURES = "signatures"
    HELPER = "helper"
    """Signatures of the names that the change uses; for files that the pass does not edit."""


@dataclass(frozen=True, slots=True)
class Allocation:
    """What one pass shows.

    Attributes:
        showing: How each file appears; others do not.
        spent: Characters that the pass's own files are thought to fill.
        total: Characters of all, helpers included.
        words: Identifiers that the pass's changes use.
    """

    showing: Mapping[str, Showing]
    spent: int
    total: int
    words: frozenset[str]


def allocate(
    change: GoldChange,
    wanted: Iterable[str],
    texts: Mapping[str, str],
    *,
    room: int,
    ceiling: int,
) -> Allocation:
    """Share the room of a pass among its files.

    Args:
        change: The commit's change.
        wanted: Changed files, the most wanted first.
        texts: Text of every file now.
        room: Characters that the pass's own files may fill.
        ceiling: Characters that helpers may fill up to. What does not fit is dropped when the
            agent asks which files to keep; a helper is wanted all the same.
    """
    files = [change.files[path] for path in wanted if change.files[path].symbols]
    least = {file.path: _signatures(file.path, file.touched) for file in files}
    showing: dict[str, Showing] = {}
    spent = 0
    for number, file in enumerate(files):
        later = sum(least[other.path] for other in files[number + 1 :])
        for way, cost in _ways(file, texts[file.path], least[file.path]):
            if spent + cost + later <= room or (spent + cost <= room and way is Showing.SIGNATURES):
                showing[file.path] = way
                spent += cost
                break
    words = frozenset().union(*(file.words for file in files))
    helpers = _helpers(change, files, ceiling - spent)
    showing |= dict.fromkeys(helpers, Showing.HELPER)
    return Allocation(showing, spent, spent + sum(helpers.values()), words)


def _ways(file: FileChange, text: str, least: int) -> Iterable[tuple[Showing, int]]:
    yield Showing.WHOLE, len(text) + _frame(file.path)
    yield Showing.EXCERPT, _excerpt(file, text)
    yield Showing.SIGNATURES, least


def _frame(path: str) -> int:
    return FRAME + len(path)


def _excerpt(file: FileChange, text: str) -> int:
    lines = lines_of(text)
    shown = (lines[symbol.start_line - 1 : symbol.end_line] for symbol in file.shown)
    return _frame(file.path) + sum(len("".join(part)) + len("...\n") for part in shown)


def _signatures(path: str, symbols: Iterable[IndexedSymbol]) -> int:
    return _frame(path) + sum(_SIGNATURE + len(symbol.name) for symbol in symbols)


def _helpers(change: GoldChange, files: Iterable[FileChange], room: int) -> dict[str, int]:
    """Files with their cost that define what the pass's changes use, as far as there is room."""
    edited = {file.path for file in files}
    needs = frozenset().union(*(file.needs for file in files))
    defining = {
        path: [symbol for symbol in symbols if symbol.name in needs]
        for path, symbols in change.symbols.items()
        if path not in edited
    }
    common = _too_common(defining)
    left = min(room, _HELPERS)
    found: dict[str, int] = {}
    for path in sorted(defining):
        telling = [symbol for symbol in defining[path] if symbol.name not in common]
        cost = _signatures(path, telling)
        if telling and cost <= left:
            found[path] = cost
            left -= cost
    return found


def _too_common(defining: Mapping[str, Iterable[IndexedSymbol]]) -> frozenset[str]:
    homes: dict[str, set[str]] = {}
    for path, symbols in defining.items():
        for symbol in symbols:
            homes.setdefault(symbol.name, set()).add(path)
    return frozenset(name for name, paths in homes.items() if len(paths) > _COMMON)
