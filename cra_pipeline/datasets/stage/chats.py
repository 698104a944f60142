"""The tokenizer of an adapter kind's base, where the workspace has it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cra_pipeline.contracts.workspace import Layout
from cra_pipeline.datasets.length import CharacterCounter, TokenCounter
from cra_pipeline.kinds import ADAPTER_KINDS

if TYPE_CHECKING:
    from cra_pipeline.integrations.chat.hugging_face import HuggingFaceChat


def chat_of(layout: Layout, adapter_kind: str) -> HuggingFaceChat | None:
    """Chat template and tokenizer of the kind's base in ``tokenizers/``; None without them.

    Raises:
        StoreError: A file of the folder is missing or damaged.
    """
    # Loads a compiled library, which a dataset without a tokenizer does not need.
    from cra_pipeline.integrations.chat.hugging_face import HuggingFaceChat, tokenizer_folder

    folder = tokenizer_folder(layout, ADAPTER_KINDS[adapter_kind].base)
    return HuggingFaceChat(folder) if folder.is_dir() else None


def counter_of(layout: Layout, adapter_kind: str) -> TokenCounter:
    """Counts as the kind's server will, or as the agent's own gate does where nobody knows how.

    Raises:
        StoreError: As above.
    """
    return chat_of(layout, adapter_kind) or CharacterCounter()
