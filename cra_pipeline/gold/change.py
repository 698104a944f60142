"""A commit's change as the oracle sees it: files, touched lines and symbols, parts and order.

Lines and symbols are those of the prepared base, which is what the agent indexed; they stay the
same while the files are edited.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property

from cra_pipeline.contracts.calls import IndexedSymbol
from cra_pipeline.diffs import Change, changes, lines_of
from cra_pipeline.gold.book import GoldBook
from cra_pipeline.gold.imports import imported, in_order, joined
from cra_pipeline.gold.syntax import Definition, definitions, innermost, telling_words


@dataclass(frozen=True, slots=True)
class Spot:
    """One place of a file that changes.

    Attributes:
        lines: Lines from 1: those replaced or deleted, or the nearest ones that are not blank
            on either side of an insertion.
        inserted: Whether either side shows the place.
    """

    lines: tuple[int, ...]
    inserted: bool


@dataclass(frozen=True)
class FileChange:
    """What happens to one file."""

    path: str
    before: str
    after: str
    symbols: tuple[IndexedSymbol, ...]

    @cached_property
    def hunks(self) -> tuple[Change, ...]:
        """Changed line ranges, from 0."""
        return changes(self.before, self.after)

    @cached_property
    def spots(self) -> tuple[Spot, ...]:
        """Places that change, in order."""
        lines = lines_of(self.before)
        return tuple(_spot(lines, hunk) for hunk in self.hunks)

    @cached_property
    def words(self) -> frozenset[str]:
        """Telling identifiers on removed and added lines."""
        old, new = lines_of(self.before), lines_of(self.after)
        removed = [line for hunk in self.hunks for line in old[hunk.old.start : hunk.old.stop]]
        added = [line for hunk in self.hunks for line in new[hunk.new.start : hunk.new.stop]]
        return telling_words([*removed, *added])

    @cached_property
    def needs(self) -> frozenset[str]:
        """Words of the change that other files must explain."""
        return self.words - {symbol.name for symbol in self.symbols}

    def touches(self, start: int, stop: int) -> bool:
        """Whether the change meets lines ``start`` to ``stop`` (from 1, inclusive)."""
        return any(start <= line <= stop for spot in self.spots for line in spot.lines)

    @cached_property
    def touched(self) -> tuple[IndexedSymbol, ...]:
        """Innermost symbols that the change meets; where it meets none, the nearest one."""
        lines = [line for spot in self.spots for line in spot.lines]
        found = [symbol for line in lines if (symbol := self.around(line)) is not None]
        if not found and lines and self.symbols:
            found = [min(self.symbols, key=lambda item: _distance(item, lines))]
        return _unique(found)

    @cached_property
    def shown(self) -> tuple[IndexedSymbol, ...]:
        """Symbols whose text shows every changed place: of an insertion, its shorter side."""
        found: list[IndexedSymbol] = []
        for spot in self.spots:
            here = [symbol for line in spot.lines if (symbol := self.around(line)) is not None]
            found += sorted(here, key=_size)[:1] if spot.inserted else here
        return _unique(found) or self.touched

    def around(self, line: int) -> IndexedSymbol | None:
        """The innermost symbol around a line."""
        here = (item for item in self.symbols if item.start_line <= line <= item.end_line)
        return min(here, key=_size, default=None)

    @cached_property
    def fates(self) -> tuple[tuple[str, str], ...]:
        """Names with ``modify``, ``add`` or ``delete``; lines outside any are ``module``."""
        defined = definitions(self.after)
        left = {item.name for item in defined}
        known = {symbol.name for symbol in self.symbols}
        found = [self._old_fate(line, left) for line in self._solid()]
        found += [_new_fate(defined, line, known) for line in self._added()]
        return tuple(dict.fromkeys(fate for fate in found if fate)) or (("module", "modify"),)

    def _solid(self) -> list[int]:
        return [line for spot in self.spots if not spot.inserted for line in spot.lines]

    def _added(self) -> list[int]:
        new = lines_of(self.after)
        return [at + 1 for hunk in self.hunks for at in hunk.new if new[at].strip()]

    def _old_fate(self, line: int, left: set[str]) -> tuple[str, str] | None:
        symbol = self.around(line)
        if symbol is None:
            return ("module", "modify")
        gone = bool(left) and symbol.name not in left
        return (symbol.name, "delete" if gone else "modify")


def _new_fate(
    defined: tuple[Definition, ...], line: int, known: set[str]
) -> tuple[str, str] | None:
    found = innermost(defined, line)
    if found is None:
        return ("module", "modify")
    return (found.name, "modify" if found.name in known else "add")


def _spot(lines: list[str], hunk: Change) -> Spot:
    solid = tuple(at + 1 for at in hunk.old if lines[at].strip())
    if solid:
        return Spot(solid, inserted=False)
    above = next((at + 1 for at in range(hunk.old.start - 1, -1, -1) if lines[at].strip()), None)
    below = next((at + 1 for at in range(hunk.old.stop, len(lines)) if lines[at].strip()), None)
    return Spot(tuple(at for at in (above, below) if at is not None), inserted=True)


def _size(symbol: IndexedSymbol) -> int:
    return symbol.end_line - symbol.start_line


def _distance(symbol: IndexedSymbol, lines: Iterable[int]) -> int:
    return min(max(symbol.start_line - line, line - symbol.end_line, 0) for line in lines)


def _unique(found: Iterable[IndexedSymbol]) -> tuple[IndexedSymbol, ...]:
    return tuple({(item.start_line, item.end_line, item.name): item for item in found}.values())


class GoldChange:
    """The whole change of one book."""

    def __init__(self, book: GoldBook) -> None:
        changed = sorted(path for path, text in book.after.items() if book.before[path] != text)
        by_path: dict[str, list[IndexedSymbol]] = {}
        for symbol in book.symbols:
            by_path.setdefault(symbol.path, []).append(symbol)
        self.symbols = {path: tuple(found) for path, found in by_path.items()}
        self.files = {
            path: FileChange(path, book.before[path], book.after[path], self.symbols.get(path, ()))
            for path in changed
        }
        tests = [path for path in changed if path in book.test_files]
        # Where nothing but tests changes, they are the work itself.
        self._alone = len(tests) == len(changed)
        self.tests = () if self._alone else tuple(tests)
        code = [path for path in changed if path not in self.tests]
        self.needs = {path: imported(path, book.after[path], changed) for path in changed}
        # A consumer that stops importing hangs together with what it used until now.
        self._ties = {
            path: self.needs[path] | imported(path, book.before[path], changed) for path in changed
        }
        self.code = in_order({path: self.needs[path] & set(code) for path in code})

    @cached_property
    def order(self) -> tuple[str, ...]:
        """Changed files, code before tests, providers before consumers."""
        return (*self.code, *self.tests)

    @cached_property
    def parts(self) -> tuple[tuple[str, ...], ...]:
        """Files of each part: code that hangs together by imports or by a test, then its tests.

        A test that points to no changed code holds everything together, for the agent runs all
        tests after every part.
        """
        code = set(self.code)
        groups: list[tuple[str, ...]] = [(path, *(self._ties[path] & code)) for path in self.code]
        for test in self.tests:
            tied = [path for path in self.code if self._tests(test, path)]
            groups.append((test, *(tied or self.code)))
        found = [self.sorted(group) for group in joined(groups)]
        return tuple(sorted(found, key=lambda group: self.order.index(group[0])))

    def _tests(self, test: str, path: str) -> bool:
        names = {name for name, _ in self.files[path].fates} - {"module"}
        return path in self._ties[test] or bool(names & self.files[test].words)

    def sorted(self, paths: Iterable[str]) -> tuple[str, ...]:
        """The changed ones among the paths, in ``order``."""
        wanted = set(paths)
        return tuple(path for path in self.order if path in wanted)

    def depends(self, later: Iterable[str], earlier: Iterable[str]) -> bool:
        """Whether one group of files needs another done before it; never both ways round.

        Groups that share their first file depend in neither direction.
        """
        last, first = self.sorted(later), self.sorted(earlier)
        if not first or not last or self.order.index(first[0]) >= self.order.index(last[0]):
            return False
        return any(self.needs[path].intersection(first) for path in last)
