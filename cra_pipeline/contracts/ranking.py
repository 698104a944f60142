"""A fitted ranker as plain numbers: what the responder answers by, and what a file of it holds."""

from __future__ import annotations

import math
from collections.abc import Sequence

from cra_pipeline.contracts.record import Record

MARGIN = "margin"
"""Name of the column beside the features: a model's logit of yes less that of no."""


class RankerWeights(Record):
    """Logistic regression over columns; written by whoever fitted it, read by the responder."""

    columns: tuple[str, ...]
    """Names in order: the four features, then ``margin`` where a model is asked as well."""
    mean: tuple[float, ...]
    """Of each column, in the rows that it was fitted on."""
    scale: tuple[float, ...]
    """Its standard deviation there."""
    weight: tuple[float, ...]
    """Of each column, standardised."""
    bias: float
    threshold: float
    """Log-odds from which on the answer is yes; the best F1 on validation."""

    def log_odds(self, values: Sequence[float]) -> float:
        """Log-odds of yes.

        Raises:
            ValueError: There are other columns than the ranker was fitted on.
        """
        rows = zip(values, self.mean, self.scale, self.weight, strict=True)
        return self.bias + math.fsum((v - mean) / scale * w for v, mean, scale, w in rows)

    def says_yes(self, values: Sequence[float]) -> bool:
        """The answer."""
        return self.log_odds(values) >= self.threshold
