"""The rankers that are shipped: fitted on thirteen public repositories, as the README tells.

``python -m cra_pipeline_tests.benchmarks.scope_learning.report`` writes them anew.
"""

from __future__ import annotations

from cra_pipeline.contracts.ranking import MARGIN, RankerWeights
from cra_pipeline.ranking.signals import FOUR

FEATURES = RankerWeights(
    columns=FOUR,
    mean=(0.3033, 0.2424, 2.8833, 3.551),
    scale=(0.3405, 0.9623, 1.5038, 1.9734),
    weight=(0.843, 0.373, 0.388, -0.8623),
    bias=-3.1726,
    threshold=-0.9226,
)
"""The four features; fitted on 73,667 rows of candidate lists of 5,765 commits."""

FEATURES_AND_MARGIN = RankerWeights(
    columns=(*FOUR, MARGIN),
    mean=(0.3197, 0.2981, 3.2243, 3.8111, -3.9388),
    scale=(0.3398, 1.1061, 1.3913, 2.0771, 2.5512),
    weight=(0.0148, 0.1087, 0.109, -0.1488, 2.1171),
    bias=-3.8279,
    threshold=-0.6459,
)
"""With the margin of a model that learned the prompts of ``prompts``; fitted on the 10,282 rows of
770 validation commits, which the model never saw."""
