"""Magicoder Evol-Instruct: the 110,000 evolved instructions, cleaned of benchmark problems.

Published as JSON lines (``data-evol_instruct-decontaminated.jsonl``) with ``instruction`` and
``response``, as programs that read the set name them; a file with others is refused by name.
"""

from __future__ import annotations

from cra_pipeline.integrations.cold_start.shape import PublishedSet

SET = PublishedSet(
    name="magicoder_evol_instruct",
    source="https://huggingface.co/datasets/ise-uiuc/Magicoder-Evol-Instruct-110K",
    licence="apache-2.0",
    columns=("instruction", "response"),
)
