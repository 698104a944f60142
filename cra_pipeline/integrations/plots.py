"""Small plots for asset metadata, drawn off screen; equal numbers give equal bytes."""

from __future__ import annotations

import io
import os
from collections.abc import Sequence
from pathlib import Path

_BAR_INCHES = 0.28
_WIDTH_INCHES = 8.0
_FEW = 20
"""Points that are drawn as dots too."""


def bar_plot(title: str, bars: Sequence[tuple[str, int]], *, unit: str, cache: Path) -> bytes:
    """Horizontal bars with their numbers, the first one on top, as PNG.

    Args:
        title: Stands above the bars.
        bars: (label, value), in order.
        unit: What is counted, for the axis.
        cache: Folder for the font cache, which would otherwise land in the user's home.
    """
    cache.mkdir(parents=True, exist_ok=True)
    os.environ.setdefault("MPLCONFIGDIR", str(cache))
    from matplotlib.figure import Figure

    height = 1.2 + _BAR_INCHES * max(1, len(bars))
    figure = Figure(figsize=(_WIDTH_INCHES, height), layout="constrained")
    axes = figure.add_subplot()
    labels = [label for label, _ in bars]
    values = [value for _, value in bars]
    drawn = axes.barh(range(len(bars)), values, color="#4c72b0")
    axes.set_yticks(range(len(bars)), labels=labels)
    axes.invert_yaxis()
    axes.bar_label(drawn, padding=3)
    axes.set_xlabel(unit)
    axes.set_title(title)
    target = io.BytesIO()
    figure.savefig(target, format="png", metadata={"Software": None})
    return target.getvalue()


def line_plot(
    title: str,
    lines: Sequence[tuple[str, Sequence[tuple[float, float]]]],
    *,
    axes: tuple[str, str],
    cache: Path,
) -> bytes:
    """Lines with their names, as PNG.

    Args:
        title: Stands above the lines.
        lines: (name, points), in order; a single point is drawn as a dot.
        axes: What lies along, and what upwards.
        cache: As for ``bar_plot``.
    """
    cache.mkdir(parents=True, exist_ok=True)
    os.environ.setdefault("MPLCONFIGDIR", str(cache))
    from matplotlib.figure import Figure

    figure = Figure(figsize=(_WIDTH_INCHES, _WIDTH_INCHES / 2), layout="constrained")
    drawn = figure.add_subplot()
    for name, points in lines:
        across, upwards = zip(*points, strict=True)
        drawn.plot(across, upwards, label=name, marker="o" if len(points) <= _FEW else "")
    drawn.set_xlabel(axes[0])
    drawn.set_ylabel(axes[1])
    drawn.set_title(title)
    if lines:
        drawn.legend()
    target = io.BytesIO()
    figure.savefig(target, format="png", metadata={"Software": None})
    return target.getvalue()
