"""Values with their intervals as a small plot, drawn off screen; equal numbers give equal bytes."""

from __future__ import annotations

import io
import os
from collections.abc import Sequence
from pathlib import Path

_LINE_INCHES = 0.32
_WIDTH_INCHES = 8.0


def interval_plot(
    title: str, lines: Sequence[tuple[str, float, float, float]], *, unit: str, cache: Path
) -> bytes:
    """One point with its interval per line, the first one on top, as PNG.

    Args:
        title: Stands above.
        lines: (label, value, lower bound, upper bound), in order.
        unit: What the axis shows.
        cache: Folder for the font cache, which would otherwise land in the user's home.
    """
    cache.mkdir(parents=True, exist_ok=True)
    os.environ.setdefault("MPLCONFIGDIR", str(cache))
    from matplotlib.figure import Figure

    height = 1.2 + _LINE_INCHES * max(1, len(lines))
    figure = Figure(figsize=(_WIDTH_INCHES, height), layout="constrained")
    axes = figure.add_subplot()
    for place, (_, value, low, high) in enumerate(lines):
        axes.plot([low, high], [place, place], color="#4c72b0", linewidth=3)
        axes.plot([value], [place], marker="o", color="#1d3557")
    axes.set_yticks(range(len(lines)), labels=[label for label, *_ in lines])
    axes.set_ylim(len(lines) - 0.5, -0.5)
    axes.set_xlabel(unit)
    axes.set_title(title)
    axes.grid(visible=True, axis="x", alpha=0.3)
    target = io.BytesIO()
    figure.savefig(target, format="png", metadata={"Software": None})
    return target.getvalue()
