"""CodeFeedback-Filtered-Instruction: questions that a model rated 4 or 5 of 5 for complexity.

Published as JSON lines (``CodeFeedback-Filtered-Instruction.jsonl``). The columns
``query``, ``answer``, ``resource`` and ``lang`` are those that programs which read the set name;
a file with others is refused by name. The ratings themselves are not published.
"""

from __future__ import annotations

from cra_pipeline.integrations.cold_start.shape import PublishedSet

SET = PublishedSet(
    name="codefeedback",
    source="https://huggingface.co/datasets/m-a-p/CodeFeedback-Filtered-Instruction",
    licence="apache-2.0",
    columns=("query", "answer", "lang"),
)
