"""Search-and-replace tuning data in the manner of SRI (arXiv 2601.13384).

The paper fixes what stands in the texts: a prompt that shows code, and blocks
``<<<<<<< SEARCH`` / ``=======`` / ``>>>>>>> REPLACE`` as the answer. No public card names the
columns of a released file, so they are named by the user: ``prompt_column`` and
``completion_column`` in ``cold_start.toml``, and ``licence`` beside them.
"""

from __future__ import annotations

from cra_pipeline.integrations.cold_start.shape import PublishedSet

SET = PublishedSet(
    name="search_replace",
    source="https://arxiv.org/abs/2601.13384",
    licence="",
    columns=("prompt", "completion"),
)
