"""Search texts that are unique at their turn and, where possible, stand in the prompt.

From the current text of a file and its wanted text, the edits that lead from one to the other:
small, in order of the file, none reaching into its neighbour.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from cra_pipeline.diffs import changes, lines_of
from cra_pipeline.gold.edits import Edit, sayable
from cra_pipeline.gold.syntax import Definition, definitions

_NEAR = 3
"""Changes fewer lines apart than this are one edit, unless only apart are they shown."""
_SIGHT = 40
"""Most lines of context that are tried for a text that the prompt shows."""
_SLIDES = 12
"""Most equivalent positions of an insertion that are tried."""


@dataclass(frozen=True, slots=True)
class _Hunk:
    """Lines ``start:stop`` of the earlier text become ``new``."""

    start: int
    stop: int
    new: tuple[str, ...]


def edits_between(path: str, current: str, wanted: str, shown: str = "") -> tuple[Edit, ...]:
    """Edits that turn ``current`` into ``wanted`` when applied in order; none if they are equal.

    Args:
        path: The file, as it stands in the answer.
        current: Its text now.
        wanted: Its text afterwards.
        shown: What the prompt shows; search texts found there are preferred.

    Raises:
        ValueError: The format cannot say the change.
    """
    old, hunks = lines_of(current), _hunks(current, wanted)
    edits = _edits(path, old, _merged(old, hunks), shown)
    if not shown or all(edit.search in shown for edit in edits):
        return edits
    # Lines between two changes may be the ones that an excerpt leaves out.
    apart = _edits(path, old, hunks, shown)
    return apart if all(edit.search in shown for edit in apart) else edits


def _edits(path: str, old: Sequence[str], hunks: list[_Hunk], shown: str) -> tuple[Edit, ...]:
    while True:
        edits = _in_turn(path, old, hunks, shown)
        if isinstance(edits, tuple):
            return edits
        if len(hunks) == 1:
            raise ValueError(f"{path}: no search text can say the change of its line {edits + 1}")
        hunks = _joined(old, hunks, edits)


def partly(current: str, wanted: str, names: Iterable[str]) -> str:
    """``current`` with those changes alone that lie in named definitions; with all, if none does.

    For a step that leaves the rest of a file to later ones.
    """
    chosen = set(names)
    old, new = lines_of(current), lines_of(wanted)
    before = [item for item in definitions(current) if item.name in chosen]
    after = [item for item in definitions(wanted) if item.name in chosen]
    text: list[str] = []
    position = 0
    for change in changes(current, wanted):
        if _meets(before, change.old) or _meets(after, change.new):
            text += [*old[position : change.old.start], *new[change.new.start : change.new.stop]]
            position = change.old.stop
    return "".join([*text, *old[position:]]) if text or position else wanted


def _meets(known: Iterable[Definition], lines: range) -> bool:
    """Whether lines (from 0) lie in one of the definitions."""
    return any(item.start <= at + 1 <= item.stop for item in known for at in lines)


def _hunks(current: str, wanted: str) -> list[_Hunk]:
    new = lines_of(wanted)
    return [
        _Hunk(change.old.start, change.old.stop, tuple(new[change.new.start : change.new.stop]))
        for change in changes(current, wanted)
    ]


def _merged(old: Sequence[str], hunks: Iterable[_Hunk]) -> list[_Hunk]:
    """The hunks, those close together made one."""
    merged: list[_Hunk] = []
    for hunk in hunks:
        if merged and hunk.start - merged[-1].stop < _NEAR:
            merged[-1] = _span(old, merged[-1], hunk)
        else:
            merged.append(hunk)
    return merged


def _span(old: Sequence[str], first: _Hunk, second: _Hunk) -> _Hunk:
    between = tuple(old[first.stop : second.start])
    return _Hunk(first.start, second.stop, first.new + between + second.new)


def _joined(old: Sequence[str], hunks: Sequence[_Hunk], stuck: int) -> list[_Hunk]:
    """The hunks, the one that found no text made one with a neighbour."""
    index = next(number for number, hunk in enumerate(hunks) if hunk.start == stuck)
    left = max(0, index - 1) if index + 1 == len(hunks) else index
    return [*hunks[:left], _span(old, hunks[left], hunks[left + 1]), *hunks[left + 2 :]]


def _in_turn(
    path: str, old: Sequence[str], hunks: Sequence[_Hunk], shown: str
) -> tuple[Edit, ...] | int:
    """All edits, or the first line of the hunk that finds none."""
    edits: list[Edit] = []
    done: list[str] = []
    position = 0
    for number, hunk in enumerate(hunks):
        done += old[position : hunk.start]
        ceiling = hunks[number + 1].start if number + 1 < len(hunks) else len(old)
        text = "".join(done) + "".join(old[hunk.start :])
        place = _Place(path, old, hunk, (position, ceiling), text, shown)
        edit = place.best()
        if edit is None:
            return hunk.start
        edits.append(edit)
        done += hunk.new
        position = hunk.stop
    return tuple(edits)


@dataclass(frozen=True, slots=True)
class _Place:
    """One hunk at its turn.

    Attributes:
        old: Lines of the earlier text.
        limits: Lines of ``old`` that context may not pass: end of the hunk before, start of the
            one after.
        text: The file at this turn, earlier hunks applied.
        shown: What the prompt shows.
    """

    path: str
    old: Sequence[str]
    hunk: _Hunk
    limits: tuple[int, int]
    text: str
    shown: str

    def best(self) -> Edit | None:
        """The first good text that the prompt shows, or else the first good text."""
        unseen: Edit | None = None
        for extent in range(self._reach() + 1):
            for edit in self._candidates(extent):
                if self.shown and edit.search in self.shown and self._good(edit):
                    return edit
                if unseen is None and self._good(edit):
                    unseen = edit
            if unseen is not None and (extent >= _SIGHT or not self.shown):
                return unseen
        return unseen

    def _reach(self) -> int:
        return self.limits[1] - self.limits[0] - (self.hunk.stop - self.hunk.start)

    def _candidates(self, extent: int) -> Iterator[Edit]:
        """Edits with that many lines of context, balanced ones first."""
        if not extent and not self.hunk.new and self._reach():
            # A deletion without context would have to end in a line's end, which looks like none.
            return
        for hunk in self._positions():
            above, below = hunk.start - self.limits[0], self.limits[1] - hunk.stop
            sizes = range(max(0, extent - below), min(extent, above) + 1)
            balanced = sorted(sizes, key=lambda up: abs(extent - 2 * up))
            for size in balanced if extent <= _SIGHT else balanced[:1]:
                edit = self._edit(hunk, size, extent - size)
                yield _without_last_newline(edit)
                if extent == self._reach():
                    yield edit

    def _positions(self) -> Iterator[_Hunk]:
        """The hunk and what says the same: a block slides over lines equal to its edge."""
        yield self.hunk
        if (self.hunk.start == self.hunk.stop) == (not self.hunk.new):
            return
        for step in (-1, 1):
            hunk = self.hunk
            for _ in range(_SLIDES):
                moved = self._slid(hunk, step)
                if moved is None:
                    break
                hunk = moved
                yield hunk

    def _slid(self, hunk: _Hunk, step: int) -> _Hunk | None:
        start, stop = hunk.start + step, hunk.stop + step
        if start < self.limits[0] or stop > self.limits[1]:
            return None
        passed = self.old[start] if step < 0 else self.old[hunk.stop]
        block = hunk.new or tuple(self.old[hunk.start : hunk.stop])
        if passed != (block[-1] if step < 0 else block[0]):
            return None
        turned = (passed, *block[:-1]) if step < 0 else (*block[1:], passed)
        return _Hunk(start, stop, turned if hunk.new else ())

    def _edit(self, hunk: _Hunk, above: int, below: int) -> Edit:
        head = "".join(self.old[hunk.start - above : hunk.start])
        tail = "".join(self.old[hunk.stop : hunk.stop + below])
        search = head + "".join(self.old[hunk.start : hunk.stop]) + tail
        replacement = head + "".join(hunk.new) + tail
        return Edit(self.path, search, replacement)

    def _good(self, edit: Edit) -> bool:
        """Whether the edit, at this turn, does what the hunk says and nothing else."""
        return (
            bool(edit.search)
            and self.text.count(edit.search) == 1
            and self.text.replace(edit.search, edit.replacement, 1) == self._wanted()
            and sayable(edit)
        )

    def _wanted(self) -> str:
        rest = "".join(self.old[self.hunk.start :])
        kept = "".join(self.old[self.hunk.stop :])
        return self.text[: len(self.text) - len(rest)] + "".join(self.hunk.new) + kept


def _without_last_newline(edit: Edit) -> Edit:
    if edit.search.endswith("\n") and edit.replacement.endswith("\n"):
        return Edit(edit.path, edit.search[:-1], edit.replacement[:-1])
    return edit
