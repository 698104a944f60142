"""What the user sees while work goes on: bars on a terminal, plain lines otherwise."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol

import stamina.instrumentation
from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from rich.progress import Progress as RichProgress

from cra_pipeline.contracts.reports import Progress

WIDTH = 100
"""Columns of a readable table."""

_LINE_INTERVAL_S = 10.0


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


class Lines:
    """Plain lines, at most one in ten seconds for each step."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._what = ""

    def started(self, what: str, number: int, total: int) -> None:
        """One line for each step."""
        self._what = what
        self._console.print(f"[{number}/{total}] {what}")

    def of(self, context: Step) -> Progress:  # noqa: ARG002  # the step was named by `started`
        """A callback that prints now and then, with an estimate of what remains."""
        began = last = time.monotonic()

        def line(done: int, total: int, what: str) -> None:
            nonlocal last
            now = time.monotonic()
            if done and now - last >= _LINE_INTERVAL_S:
                last = now
                left = (now - began) / done * (total - done)
                text = f"  {self._what}: {done} of {total}, about {left:.0f} s left ({what})"
                self._console.print(text)

        return line


class Bars:
    """Two bars: all steps, and the units of the step in flight."""

    def __init__(self, bars: RichProgress) -> None:
        self._bars = bars
        self._all = bars.add_task("all steps", total=None)
        self._step = bars.add_task("", total=None, visible=False)

    def started(self, what: str, number: int, total: int) -> None:
        """Move the upper bar on and empty the lower one."""
        self._bars.update(self._all, completed=number - 1, total=total)
        self._bars.reset(self._step, description=what, total=None, visible=True)

    def of(self, context: Step) -> Progress:  # noqa: ARG002  # the step was named by `started`
        """A callback that moves the lower bar."""

        def move(done: int, total: int, what: str) -> None:  # noqa: ARG001  # the bar has no room
            self._bars.update(self._step, completed=done, total=total)

        return move


@contextmanager
def display() -> Iterator[Display]:
    """Bars where standard error is a terminal, lines otherwise."""
    console = messages()
    if not console.is_terminal:
        yield Lines(console)
        return
    columns = (
        TextColumn("{task.description:<34.34}", markup=False),
        BarColumn(bar_width=24),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
    )
    with RichProgress(*columns, console=console, transient=True) as bars:
        yield Bars(bars)
