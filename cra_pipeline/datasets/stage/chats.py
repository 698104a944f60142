"""The tokenizer of an adapter kind's base, where the workspace has it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from cra_pipeline.contracts.bases import BaseRecord
from cra_pipeline.contracts.workspace import Layout
from cra_pipeline.datasets.length import CharacterCounter, TokenCounter
from cra_pipeline.integrations.files import read_record
from cra_pipeline.kinds import ADAPTER_KINDS

if TYPE_CHECKING:
    from cra_pipeline.integrations.chat.hugging_face import HuggingFaceChat

ESTIMATED = (
    "tokens are estimated, and no row was held against a chat template: the workspace has no "
    "tokenizer of {base}: copy its three files to {folder}"
)
"""What a check says where no tokenizer is at hand."""


def chat_of(layout: Layout, adapter_kind: str) -> HuggingFaceChat | None:
    """Chat template and tokenizer of the kind's base; None where the workspace has none.

    Those in ``tokenizers/`` come first, then those of a frozen base of that name. A workspace with
    no other base than the tiny one trains everything on it, so its tokenizer is the one then.

    Raises:
        StoreError: A file of the folder, or a base's record, is missing or damaged.
    """
    # Loads a compiled library, which a dataset without a tokenizer does not need.
    from cra_pipeline.integrations.chat.hugging_face import HuggingFaceChat, tokenizer_folder

    base = ADAPTER_KINDS[adapter_kind].base
    folder = tokenizer_folder(layout, base)
    if folder.is_dir():
        return HuggingFaceChat(folder)
    frozen = frozen_model(layout, base)
    return None if frozen is None else HuggingFaceChat(frozen)


def frozen_model(layout: Layout, base: str) -> Path | None:
    """Folder of the newest frozen base of a name, else of the tiny one where there is no other.

    Raises:
        StoreError: A base's record is damaged.
    """
    records = [read_record(path, BaseRecord) for path in layout.bases.glob("*/base.json")]
    void = {record.replaces for record in records}
    valid = [record for record in records if record.base_id not in void]
    named = [record for record in valid if record.name == base]
    if not named and all(record.role == "tiny" for record in valid):
        named = valid
    newest = max(named, key=lambda record: (_version(record.base_id), record.base_id), default=None)
    return None if newest is None else layout.bases / newest.base_id / "model"


def _version(base_id: str) -> int:
    return int(base_id.rpartition("-v")[2])


def counter_of(layout: Layout, adapter_kind: str) -> TokenCounter:
    """Counts as the kind's server will, or as the agent's own gate does where nobody knows how.

    Raises:
        StoreError: As above.
    """
    return chat_of(layout, adapter_kind) or CharacterCounter()


def note_on_tokens(layout: Layout, adapter_kind: str) -> str:
    """What a check on rows of a kind could not look at; empty where it looked at everything.

    Raises:
        StoreError: As above.
    """
    from cra_pipeline.integrations.chat.hugging_face import tokenizer_folder

    if chat_of(layout, adapter_kind) is not None:
        return ""
    base = ADAPTER_KINDS[adapter_kind].base
    folder = tokenizer_folder(layout, base).relative_to(layout.root)
    return ESTIMATED.format(base=base, folder=folder)
