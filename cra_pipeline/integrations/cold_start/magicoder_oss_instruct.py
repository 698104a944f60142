"""Magicoder OSS-Instruct: problems that a model invented from pieces of open source.

Published as JSON lines (``data-oss_instruct-decontaminated.jsonl``) with the columns ``lang``,
``raw_index``, ``index``, ``seed``, ``openai_fingerprint``, ``problem`` and ``solution``, as
programs that read the set name them; a file with others is refused by name.
"""

from __future__ import annotations

from cra_pipeline.integrations.cold_start.shape import PublishedSet

SET = PublishedSet(
    name="magicoder_oss_instruct",
    source="https://huggingface.co/datasets/ise-uiuc/Magicoder-OSS-Instruct-75K",
    licence="mit",
    columns=("lang", "problem", "solution"),
)
