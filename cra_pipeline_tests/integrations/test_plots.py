"""Plots are files like any other: the same numbers, the same bytes."""

from __future__ import annotations

from pathlib import Path

from cra_pipeline.integrations.plots import bar_plot, line_plot


def test_equal_numbers_give_equal_bytes(tmp_path: Path) -> None:
    first, second = (
        bar_plot("Losses", [("merge", 3), ("empty", 0)], unit="commits", cache=tmp_path)
        for _ in range(2)
    )
    other = bar_plot("Losses", [("merge", 4)], unit="commits", cache=tmp_path)

    assert first == second != other
    assert first.startswith(b"\x89PNG")


def test_nothing_to_draw_is_drawn_empty(tmp_path: Path) -> None:
    plot = bar_plot("Nothing", [], unit="commits", cache=tmp_path)

    assert plot.startswith(b"\x89PNG")


def test_equal_lines_give_equal_bytes(tmp_path: Path) -> None:
    lines = (("training", ((1.0, 3.0), (2.0, 2.0))), ("validation", ((2.0, 2.5),)))
    first, second = (
        line_plot("Loss", lines, axes=("step", "loss"), cache=tmp_path) for _ in range(2)
    )
    other = line_plot("Loss", lines[:1], axes=("step", "loss"), cache=tmp_path)

    assert first == second != other
    assert line_plot("Loss", [], axes=("step", "loss"), cache=tmp_path).startswith(b"\x89PNG")
