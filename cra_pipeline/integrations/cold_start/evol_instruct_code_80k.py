"""Evol-Instruct-Code: instructions made harder step by step.

Published as one JSON array (``EvolInstruct-Code-80k.json``) of objects with ``instruction`` and
``output``, as programs that read the set name them. Its licence excludes commercial use, that of
``magicoder_evol_instruct`` does not.
"""

from __future__ import annotations

from cra_pipeline.integrations.cold_start.shape import PublishedSet

SET = PublishedSet(
    name="evol_instruct_code_80k",
    source="https://huggingface.co/datasets/nickrosh/Evol-Instruct-Code-80k-v1",
    licence="cc-by-nc-sa-4.0",
    columns=("instruction", "output"),
)
