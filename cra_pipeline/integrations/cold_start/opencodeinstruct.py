"""OpenCodeInstruct: instructions with a program, a judgement and a share of passed tests.

Published as Parquet (``data/train-*.parquet``); the columns stand in ``dataset_info`` of the
card. ``average_test_score`` is a number written as text.
"""

from __future__ import annotations

from cra_pipeline.integrations.cold_start.shape import PublishedSet

SET = PublishedSet(
    name="opencodeinstruct",
    source="https://huggingface.co/datasets/nvidia/OpenCodeInstruct",
    licence="cc-by-4.0",
    columns=("input", "output", "average_test_score"),
)
