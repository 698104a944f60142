"""CommitPackFT: commits to one file whose message reads like an instruction.

Published as JSON lines, one folder for each language (``data/python/data.jsonl``). The columns
are documented under "Data Fields" of the card; ``license`` is that of the row's repository.
"""

from __future__ import annotations

from cra_pipeline.integrations.cold_start.shape import PublishedSet

SET = PublishedSet(
    name="commitpackft",
    source="https://huggingface.co/datasets/bigcode/commitpackft",
    # The card's own licence was Apache-2.0 until 11 August 2023.
    licence="mit",
    columns=("commit", "old_file", "new_file", "old_contents", "new_contents", "message", "lang"),
    own="license",
)
