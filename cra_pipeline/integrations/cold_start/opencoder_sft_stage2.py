"""OpenCoder's second stage of fine-tuning: four configurations, one with tests.

Published as Parquet, a folder for each configuration (``educational_instruct/train-*.parquet``);
the columns are those that programs which read the set name; a file with others is refused by
name. All have ``instruction`` and ``output``, ``educational_instruct`` alone also the bare ``code``
beside ``entry_point`` and ``testcase``.
"""

from __future__ import annotations

from cra_pipeline.integrations.cold_start.shape import PublishedSet

SET = PublishedSet(
    name="opencoder_sft_stage2",
    source="https://huggingface.co/datasets/OpenCoder-LLM/opc-sft-stage2",
    licence="mit",
    columns=("instruction", "output"),
    optional=("code",),
)
