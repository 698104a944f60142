"""Works through many units at once and remembers each as it is finished.

A unit is known by the content id of everything that decides it. A killed run repeats only what
was in flight; a changed input repeats only what it touches. Threads, because each waits for a
sandbox most of the time; journals are written in the caller's own thread.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass
from typing import Generic, TypeVar

from cra_pipeline.contracts.record import Record
from cra_pipeline.contracts.reports import Progress
from cra_pipeline.contracts.workspace import Layout
from cra_pipeline.integrations.files import append_journal, read_journal

U = TypeVar("U")
R = TypeVar("R", bound=Record)
T = TypeVar("T")


class Line(Record, Generic[R]):
    """One finished unit of a journal."""

    key: str
    """Content id of everything that decided the row."""
    row: R


class Timing(Record):
    """Line of the sidecar ``timings.jsonl``; never part of a content id."""

    unit: str
    """Names the unit, such as a commit id."""
    seconds: float
    """Wall time in its thread, preparation included."""


# No slots: frozen generics with slots cannot be built in Python 3.11.
@dataclass(frozen=True, kw_only=True)
class Crew(Generic[R]):
    """How the units of one partition are worked through.

    Attributes:
        layout: The workspace.
        asset: Name of the asset.
        partition: Its partition key.
        line: Shape of the journal's lines.
        words: What became of a unit, for progress.
        lasting: Whether a result is remembered; the machine's own faults are not.
        whole: Whether a remembered result still has all its files.
        progress: Told after each unit.
        workers: Threads; 0 for one per processor.
        enough: Asked before each unit; may answer anew each time.
    """

    layout: Layout
    asset: str
    partition: str
    line: type[Line[R]]
    words: Callable[[R], str]
    lasting: Callable[[R], bool]
    whole: Callable[[R], bool]
    progress: Progress
    workers: int = 0
    enough: Callable[[], bool] = lambda: False

    def remembered(self) -> tuple[R, ...]:
        """Everything in the journal, wanted at present or not; the last line of each key."""
        lines = read_journal(self.layout.journal(self.asset, self.partition), self.line)
        return tuple({line.key: line.row for line in lines}.values())

    def known(self, keys: Iterable[str]) -> dict[str, R]:
        """Remembered results that are whole, by key, in the order of ``keys``; runs nothing."""
        journal = self.layout.journal(self.asset, self.partition)
        found = {line.key: line.row for line in read_journal(journal, self.line)}
        return {key: found[key] for key in keys if key in found and self.whole(found[key])}

    def results(
        self, units: Mapping[str, U], work: Callable[[U], R], *, name: Callable[[U], str]
    ) -> dict[str, R]:
        """Result by key, in the order of ``units``; from the journal where it is known.

        The first error ends everything: units not yet begun are dropped, the others end unheard.
        Once it is enough no unit is begun any more; those under way are finished and kept.

        Args:
            units: By key.
            work: Runs in many threads at once.
            name: Names a unit for timings and progress.
        """
        journal = self.layout.journal(self.asset, self.partition)
        found = self.known(units)
        missing = [key for key in units if key not in found]

        def timed(key: str) -> tuple[R, float] | None:
            if self.enough():
                return None
            begun = time.monotonic()
            return work(units[key]), time.monotonic() - begun

        def done(key: str, result: tuple[R, float] | None) -> None:
            if result is None:
                return
            row, seconds = result
            found[key] = row
            unit = name(units[key])
            timings = self.layout.partition(self.asset, self.partition) / "timings.jsonl"
            append_journal(timings, Timing(unit=unit, seconds=round(seconds, 3)))
            if self.lasting(row):
                append_journal(journal, self.line(key=key, row=row))
            self.progress(len(found), len(units), f"{unit} {self.words(row)}")

        work_through(missing, timed, done, workers=self.workers)
        return {key: found[key] for key in units if key in found}


def work_through(
    units: Sequence[U], work: Callable[[U], T], done: Callable[[U, T], None], *, workers: int = 0
) -> None:
    """Call ``work`` for each unit and ``done`` with each result, in order of completion.

    Args:
        units: What is to be done.
        work: Runs in many threads at once.
        done: Runs in this thread.
        workers: Threads; 0 for one per processor.
    """
    with ThreadPoolExecutor(max_workers=workers or os.cpu_count() or 1) as pool:
        futures = {pool.submit(work, unit): unit for unit in units}
        try:
            for future in as_completed(futures):
                done(futures[future], future.result())
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise
