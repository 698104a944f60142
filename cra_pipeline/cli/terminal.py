"""What the user sees while work goes on: bars on a terminal, plain lines otherwise."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Protocol

import stamina.instrumentation
from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    ProgressColumn,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from rich.progress import Progress as RichProgress

from cra_pipeline.contracts.reports import NOTED, Progress

WIDTH = 100
"""Columns of a readable table."""

_LINE_INTERVAL_S = 10.0
_MINUTE = 60


def tables() -> Console:
    """Standard output, never wider than ``WIDTH``."""
    console = Console()
    width = min(console.width, WIDTH) if console.is_terminal else WIDTH
    # Text of repositories is shown as it is: brackets in it are no markup.
    return Console(highlight=False, markup=False, width=width)


def messages() -> Console:
    """Standard error, for everything that is not the answer."""
    return Console(stderr=True, highlight=False, markup=False, soft_wrap=True)


def tell_retries() -> None:
    """Have retries of network work told on standard error.

    Left alone, stamina would log them on standard output, among the answers.
    """
    console = messages()

    def tell(details: stamina.instrumentation.RetryDetails) -> None:
        console.print(f"  trying again in {details.wait_for:.0f} s: {details.caused_by}")

    stamina.instrumentation.set_on_retry_hooks([tell])


class Step(Protocol):
    """The part of Dagster's execution context that names what is being made."""

    @property
    def asset_key(self) -> object:
        """Key of the asset."""
        ...

    @property
    def partition_key(self) -> str:
        """Key of the partition."""
        ...


class Display(Protocol):
    """Shows work in flight; stands in for the resource ``progress``."""

    def of(self, context: Step) -> Progress:
        """A callback for the step of ``context``."""
        ...

    def started(self, what: str, number: int, total: int) -> None:
        """Step ``number`` of ``total`` begins."""
        ...

    def waits(self, why: str) -> None:
        """The step has to wait for something outside of this process."""
        ...

    def expect(self, units: int) -> None:
        """So many units of noted work lie ahead in all steps together, those on record too."""
        ...


class Lines:
    """Plain lines, at most one in ten seconds for each step."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._what = ""
        self._ahead = Ahead()

    def started(self, what: str, number: int, total: int) -> None:
        """One line for each step."""
        self._what = what
        self._console.print(f"[{number}/{total}] {what}")

    def waits(self, why: str) -> None:
        """One line below the step's own."""
        self._console.print(f"  {self._what}: {why}")

    def expect(self, units: int) -> None:
        """Tell how much of all is done with each line, too."""
        self._ahead.units = units

    def of(self, context: Step) -> Progress:  # noqa: ARG002  # the step was named by `started`
        """A callback that prints now and then, with an estimate of what remains."""
        began = last = time.monotonic()
        before, first = self._ahead.done, -1

        def line(done: int, total: int, what: str) -> None:
            nonlocal last, first
            if first < 0:
                # What is on record already, and noted before anything is made, took no time.
                first = done if NOTED in what else max(0, done - 1)
            now = time.monotonic()
            text = f"  {self._what}: {done} of {total}"
            if NOTED in what:
                self._ahead.done = before + done
                text += self._ahead.words()
            if done > first and now - last >= _LINE_INTERVAL_S:
                last = now
                left = duration((now - began) / (done - first) * (total - done))
                self._console.print(f"{text}, about {left} left ({what})")

        return line


@dataclass(slots=True)
class Ahead:
    """Work of all steps together.

    Attributes:
        units: Expected; 0 where nothing was said.
        done: So far.
    """

    units: int = 0
    done: int = 0

    def words(self) -> str:
        """Such as `` (30 of 400 in all)``."""
        return f" ({self.done} of {self.units} in all)" if self.units else ""


def duration(seconds: float) -> str:
    """Such as ``40 s``, ``12 min`` or ``3 h 20 min``."""
    if seconds < 2 * _MINUTE:
        return f"{seconds:.0f} s"
    hours, minutes = divmod(round(seconds / _MINUTE), _MINUTE)
    return f"{hours} h {minutes} min" if hours else f"{minutes} min"


class Bars:
    """Two bars: all steps, and the units of the step in flight.

    Where it is known how many units lie ahead the upper bar counts them in place of steps.
    """

    def __init__(self, bars: RichProgress) -> None:
        self._bars = bars
        self._all = bars.add_task("all steps", total=None, note="")
        self._step = bars.add_task("", total=None, visible=False, note="")
        self._ahead = Ahead()

    def started(self, what: str, number: int, total: int) -> None:
        """Move the upper bar on and empty the lower one."""
        if not self._ahead.units:
            self._bars.update(self._all, completed=number - 1, total=total)
        # A new one: an old one would keep its total.
        self._bars.remove_task(self._step)
        self._step = self._bars.add_task(what, total=None, note="")

    def waits(self, why: str) -> None:
        """One line above the bars, which stays."""
        self._bars.console.print(f"  {why}")

    def expect(self, units: int) -> None:
        """Have the upper bar count units."""
        self._ahead.units = units
        self._bars.reset(self._all, description="all attempts", total=units or None)

    def of(self, context: Step) -> Progress:  # noqa: ARG002  # the step was named by `started`
        """A callback that moves the bars and shows what is noted."""
        before = self._ahead.done

        def move(done: int, total: int, what: str) -> None:
            note, noted, _ = what.partition(NOTED)
            self._bars.update(self._step, completed=done, total=total, note=noted and note)
            if noted and self._ahead.units:
                self._ahead.done = before + done
                self._bars.update(self._all, completed=self._ahead.done)

        return move


def columns() -> tuple[ProgressColumn, ...]:
    """Of the bars; a hundred characters hold them."""
    return (
        TextColumn("{task.description:<28.28}", markup=False),
        BarColumn(bar_width=12),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
        TextColumn("{task.fields[note]}", markup=False),
    )


@contextmanager
def display() -> Iterator[Display]:
    """Bars where standard error is a terminal, lines otherwise."""
    console = messages()
    if not console.is_terminal:
        yield Lines(console)
        return
    with RichProgress(*columns(), console=console, transient=True) as bars:
        yield Bars(bars)
