"""Wilson's interval of a share, without a library that costs half a second to load. Pure."""

from __future__ import annotations

import math

_Z = 1.959963984540054
"""Of a two-sided interval of 95 %."""


def wilson(hits: int, of: int) -> tuple[float, float]:
    """Lower and upper end of the 95 % interval of a share.

    >>> [round(end, 3) for end in wilson(8, 10)]
    [0.49, 0.943]

    Raises:
        ValueError: There are none, or more hits than there are.
    """
    if not 0 <= hits <= of or not of:
        raise ValueError(f"{hits} of {of} is no share")
    share, square = hits / of, _Z**2 / of
    middle = share + square / 2
    spread = _Z * math.sqrt(share * (1 - share) / of + square / (4 * of))
    # At either end rounding would leave the share itself outside.
    low = (middle - spread) / (1 + square) if hits else 0.0
    return low, (middle + spread) / (1 + square) if hits < of else 1.0
