"""Yes or no: is a file or symbol wanted, are two functions alike, does one thing need another."""

from __future__ import annotations

import enum

from cra_pipeline.contracts.calls import IndexedSymbol
from cra_pipeline.diffs import lines_of
from cra_pipeline.gold.allocation import Allocation, Showing
from cra_pipeline.gold.change import FileChange, GoldChange
from cra_pipeline.gold.prompts import AskedFiles, AskedFunction, AskedSymbol


class Level(enum.Enum):
    """The agent's classes of a symbol, the least first."""

    EXCLUDED = "excluded"
    SIGNATURE = "type_context"
    SUPPORTING = "supporting"
    PRIMARY = "primary"


def level(change: GoldChange, allocation: Allocation, asked: AskedSymbol) -> Level:
    """How a pass should see a symbol, so that its file appears as allocated."""
    showing = allocation.showing.get(asked.path)
    if showing is None:
        return Level.EXCLUDED
    named = asked.name in allocation.words
    if showing is Showing.HELPER:
        return Level.SIGNATURE if named else Level.EXCLUDED
    file = change.files[asked.path]
    if showing is Showing.WHOLE:
        if file.touches(asked.start, asked.stop) or _among(file.touched, asked):
            return Level.PRIMARY
        return Level.SIGNATURE if named else Level.EXCLUDED
    if showing is Showing.EXCERPT:
        return Level.SUPPORTING if _among(file.shown, asked) else Level.EXCLUDED
    return Level.SIGNATURE if _among(file.touched, asked) else Level.EXCLUDED


def _among(symbols: tuple[IndexedSymbol, ...], asked: AskedSymbol) -> bool:
    lines = (asked.start, asked.stop)
    return any(
        (item.start_line, item.end_line) == lines and item.name == asked.name for item in symbols
    )


def alike(change: GoldChange, first: AskedFunction, second: AskedFunction) -> bool:
    """Whether the commit changes both functions by the same line, in one file.

    Functions of different files are never grouped: the agent drops a group of which one file does
    not fit. A name that means more than one function is not judged alike to anything.
    """
    one, two = _only(change, first), _only(change, second)
    if one is None or two is None or one == two or one.path != two.path:
        return False
    file = change.files.get(one.path)
    return file is not None and bool(_changed_in(file, one) & _changed_in(file, two))


def _only(change: GoldChange, asked: AskedFunction) -> IndexedSymbol | None:
    found = [
        symbol
        for symbols in change.symbols.values()
        for symbol in symbols
        if (symbol.name, symbol.kind) == (asked.name, asked.kind)
        and symbol.end_line - symbol.start_line + 1 == asked.lines
    ]
    return found[0] if len(found) == 1 else None


def _changed_in(file: FileChange, symbol: IndexedSymbol) -> frozenset[str]:
    """Lines that the commit removes from or adds to a symbol, without their indentation."""
    old, new = lines_of(file.before), lines_of(file.after)
    found: set[str] = set()
    for hunk, spot in zip(file.hunks, file.spots, strict=True):
        if any(symbol.start_line <= line <= symbol.end_line for line in spot.lines):
            found |= {f"-{old[at].strip()}" for at in hunk.old}
            found |= {f"+{new[at].strip()}" for at in hunk.new}
    return frozenset(found - {"-", "+"})


def kept(wanted: tuple[str, ...], change: GoldChange, asked: AskedFiles) -> list[str]:
    """Files to keep within a budget: the pass's own, then other changed ones, then the rest."""
    sizes = dict(asked.sizes)
    ranked = dict.fromkeys([*wanted, *change.order, *sizes])
    left = asked.budget
    found: list[str] = []
    for path in ranked:
        if path in sizes and sizes[path] <= left:
            found.append(path)
            left -= sizes[path]
    return found
