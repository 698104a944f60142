"""Long work is told in plain lines or drawn as bars."""

from __future__ import annotations

import io

import pytest
import stamina.instrumentation
from rich.console import Console
from rich.progress import Progress as RichProgress

from cra_pipeline.cli.terminal import Bars, Lines, tables, tell_retries


class SomeStep:
    """Stands where Dagster's context does."""

    asset_key = "tasks"
    partition_key = "till"


def test_lines_name_each_step_and_estimate_what_is_left(monkeypatch: pytest.MonkeyPatch) -> None:
    text = io.StringIO()
    clock = iter([0.0, 4.0, 20.0, 21.0])
    monkeypatch.setattr("cra_pipeline.cli.terminal.time.monotonic", lambda: next(clock))
    lines = Lines(Console(file=text, width=100))

    lines.started("tasks till", 4, 7)
    tell = lines.of(SomeStep())
    for done, what in ((1, "a"), (10, "b"), (11, "c")):
        tell(done, 30, what)

    assert text.getvalue().splitlines() == [
        "[4/7] tasks till",
        "  tasks till: 10 of 30, about 40 s left (b)",
    ]


def test_bars_count_steps_and_units() -> None:
    with RichProgress(console=Console(file=io.StringIO(), force_terminal=True)) as progress:
        bars = Bars(progress)
        bars.started("tasks till", 4, 7)
        bars.of(SomeStep())(10, 30, "b")
        steps, units = progress.tasks

    assert (steps.completed, steps.total) == (3, 7)
    assert (units.description, units.completed, units.total) == ("tasks till", 10, 30)


def test_text_of_a_repository_is_no_markup(capsys: pytest.CaptureFixture[str]) -> None:
    tables().print("fix [bold]everything[/bold]")

    assert capsys.readouterr().out == "fix [bold]everything[/bold]\n"


def test_retries_are_told_beside_the_answers(capsys: pytest.CaptureFixture[str]) -> None:
    hooks = stamina.instrumentation.get_on_retry_hooks()
    tell_retries()
    try:
        for attempt in stamina.retry_context(on=ValueError, attempts=2, wait_initial=0.01):
            with attempt:
                if attempt.num == 1:
                    raise ValueError("no answer")
    finally:
        stamina.instrumentation.set_on_retry_hooks(hooks)

    captured = capsys.readouterr()
    assert captured.out == ""
    assert "trying again" in captured.err
    assert "no answer" in captured.err
