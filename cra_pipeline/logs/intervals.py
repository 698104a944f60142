"""Shares with Wilson intervals, and how many examples a difference needs to be seen.

Wilson's interval is exact enough from a handful of cases on and never leaves [0, 1]; the textbook
interval says "certain" after three successes in three.
"""

from __future__ import annotations

import math
from statistics import NormalDist

from cra_pipeline.contracts.plans import Rate

_DIGITS = 6
"""Enough for any report, and equal on every machine."""


def rate(hits: int, of: int, *, confidence: float) -> Rate:
    """A share and its interval; [0, 1] where nothing was measured.

    Raises:
        ValueError: ``hits`` is no part of ``of``, or the confidence lies outside of (0, 1).

    >>> rate(8, 10, confidence=0.95)
    Rate(hits=8, of=10, low=0.490162, high=0.943318)
    """
    if not 0 <= hits <= of:
        raise ValueError(f"{hits} of {of}: expected a part of a whole")
    if of == 0:
        return Rate(hits=0, of=0, low=0.0, high=1.0)
    z = _quantile(confidence)
    share, square = hits / of, z * z
    middle = (share + square / (2 * of)) / (1 + square / of)
    spread = z * math.sqrt(share * (1 - share) / of + square / (4 * of * of)) / (1 + square / of)
    # Rounding must not shut out what was seen.
    low = 0.0 if hits == 0 else round(max(0.0, middle - spread), _DIGITS)
    high = 1.0 if hits == of else round(min(1.0, middle + spread), _DIGITS)
    return Rate(hits=hits, of=of, low=low, high=high)


def examples_to_see(share: float, gain: float, *, confidence: float) -> int:
    """Examples in each of two arms for which a gain stands out from chance.

    Args:
        share: Of the weaker arm, in [0, 1].
        gain: Difference, above 0.
        confidence: In (0, 1).

    >>> examples_to_see(0.8, 0.05, confidence=0.95)
    444
    """
    if gain <= 0:
        raise ValueError(f"a gain of {gain} is none")
    middle = min(1.0, share + gain / 2)
    # Never as if there were no spread at all.
    spread = max(middle * (1 - middle), 0.01)
    return math.ceil(2 * spread * (_quantile(confidence) / gain) ** 2)


def _quantile(confidence: float) -> float:
    if not 0 < confidence < 1:
        raise ValueError(f"a confidence of {confidence} lies outside of (0, 1)")
    return NormalDist().inv_cdf(0.5 + confidence / 2)
