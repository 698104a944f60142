"""Figures in words, for requirements and tables."""

from __future__ import annotations

from cra_pipeline.contracts.gates import Estimate, PairedChange


def percent(estimate: Estimate | None) -> str:
    """Such as ``81.2 % (74.0 to 87.1)``."""
    if estimate is None:
        return "cannot be computed"
    return f"{100 * estimate.value:.1f} % ({100 * estimate.low:.1f} to {100 * estimate.high:.1f})"


def points(change: PairedChange | None) -> str:
    """Such as ``+10.3 points (+4.1 to +16.9), p = 0.0011``."""
    if change is None:
        return "cannot be computed"
    found = change.estimate
    return (
        f"{100 * found.value:+.1f} points ({100 * found.low:+.1f} to {100 * found.high:+.1f}), "
        f"p = {change.p_value:.4f}"
    )
