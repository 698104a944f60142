"""D3: a file's state, a goal, and the edits that lead there, sampled with a linter.

Published as Parquet (``data/train-*.parquet``); columns in ``dataset_info`` and under "Release
format" of the card. The set states no licence of its own: each row carries, under ``metadata``,
the licences that The Stack found in the file's repository.
"""

from __future__ import annotations

from cra_pipeline.integrations.cold_start.shape import PublishedSet


def _stack_licences(metadata: object) -> str:
    found = metadata.get("max_stars_repo_licenses") if isinstance(metadata, dict) else None
    names = [name for name in found if isinstance(name, str)] if isinstance(found, list) else []
    return " AND ".join(sorted(names))


SET = PublishedSet(
    name="d3",
    source="https://huggingface.co/datasets/upiter/d3",
    licence="",
    columns=("prompt", "completion", "program_start"),
    own="metadata",
    own_licence=_stack_licences,
)
