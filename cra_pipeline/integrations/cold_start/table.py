"""Names of published data sets and where their readers are found; imported when asked for."""

from __future__ import annotations

import importlib

from cra_pipeline.integrations.cold_start.shape import PublishedSet

_HERE = "cra_pipeline.integrations.cold_start"

SETS = {
    "codefeedback": f"{_HERE}.codefeedback:SET",
    "commitpackft": f"{_HERE}.commitpackft:SET",
    "d3": f"{_HERE}.d3:SET",
    "evol_instruct_code_80k": f"{_HERE}.evol_instruct_code_80k:SET",
    "magicoder_evol_instruct": f"{_HERE}.magicoder_evol_instruct:SET",
    "magicoder_oss_instruct": f"{_HERE}.magicoder_oss_instruct:SET",
    "opencodeinstruct": f"{_HERE}.opencodeinstruct:SET",
    "opencoder_sft_stage2": f"{_HERE}.opencoder_sft_stage2:SET",
    "search_replace": f"{_HERE}.search_replace:SET",
}
"""Data set's name to ``module:constant``."""


def load_set(name: str) -> PublishedSet:
    """What is known of one data set.

    Raises:
        ValueError: No reader has this name.
    """
    if name not in SETS:
        known = ", ".join(sorted(SETS))
        raise ValueError(f"no published data set {name!r}: expected one of {known}")
    module, _, constant = SETS[name].partition(":")
    found: PublishedSet = getattr(importlib.import_module(module), constant)
    return found
