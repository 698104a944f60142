"""Long work is told in plain lines or drawn as bars."""

from __future__ import annotations

import io

import pytest
import stamina.instrumentation
from rich.console import Console
from rich.progress import Progress as RichProgress

from cra_pipeline.cli.terminal import Bars, Lines, columns, duration, tables, tell_retries
from cra_pipeline.contracts.reports import NOTED


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


def test_what_is_on_record_says_nothing_about_the_time(monkeypatch: pytest.MonkeyPatch) -> None:
    text = io.StringIO()
    clock = iter([0.0, 0.0, 20.0, 40.0])
    monkeypatch.setattr("cra_pipeline.cli.terminal.time.monotonic", lambda: next(clock))
    lines = Lines(Console(file=text, width=200))

    lines.expect(100)
    lines.started("attempts till|r01", 1, 3)
    tell = lines.of(SomeStep())
    tell(21, 30, f"none judged{NOTED}on record")
    tell(22, 30, f"passed 1 of 1 (100 %){NOTED}b")
    tell(24, 30, f"passed 2 of 3 (67 %){NOTED}c")

    record, first, third = text.getvalue().splitlines()

    assert record == "[1/3] attempts till|r01"
    assert first.endswith(
        "22 of 30 (22 of 100 in all), about 3 min left (passed 1 of 1 (100 %) | b)"
    )
    assert third.endswith("24 of 30 (24 of 100 in all), about 80 s left (passed 2 of 3 (67 %) | c)")


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(0.4, "0 s"), (119, "119 s"), (120, "2 min"), (3599, "1 h 0 min"), (12_000, "3 h 20 min")],
)
def test_long_times_are_told_in_hours_and_minutes(seconds: float, words: str) -> None:
    assert duration(seconds) == words


def test_bars_count_attempts_of_all_steps_and_show_the_success_rate() -> None:
    with RichProgress(console=Console(file=io.StringIO(), force_terminal=True)) as progress:
        bars = Bars(progress)
        bars.expect(70)
        for number, name in enumerate(("till", "shop"), 1):
            bars.started(f"attempts {name}|r01", number, 2)
            bars.of(SomeStep())(10, 30, f"passed 4 of 5 (80 %){NOTED}b")
        every, step = progress.tasks
        bars.started("triples shop|r01", 3, 4)
        following = progress.tasks[-1]

    assert (every.description, every.completed, every.total) == ("all attempts", 20, 70)
    assert (step.completed, step.fields["note"]) == (10, "passed 4 of 5 (80 %)")
    assert (following.description, following.total) == ("triples shop|r01", None)


def test_a_hundred_columns_hold_the_bars_of_a_long_campaign() -> None:
    text = io.StringIO()
    with RichProgress(
        *columns(), console=Console(file=text, force_terminal=True, width=100)
    ) as progress:
        bars = Bars(progress)
        bars.expect(12_000)
        bars.started("attempts more-itertools|r01", 1, 2)
        tell = bars.of(SomeStep())
        tell(1000, 1400, f"none judged{NOTED}on record")
        tell(1001, 1400, f"passed 800 of 1000 (80 %){NOTED}b")

    assert "passed 800 of 1000 (80 %)" in text.getvalue()
    assert "attempts more-itertools|r01" in text.getvalue()
    assert "12000" in text.getvalue()


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
