"""A base model as it is frozen: what adapters are trained from, and gated and served on."""

from __future__ import annotations

from typing import Literal

from pydantic import field_validator

from cra_pipeline.contracts.manifests import Input
from cra_pipeline.contracts.record import Record

ON_TRIAL = " (on trial)"
"""Ends the name of a base that came back and is only asked for its gate: nothing is trained on it,
and it replaces nothing."""


class BaseRecord(Record):
    """``bases/<base_id>/base.json``, written last: with it the base is imported; never edited."""

    base_id: str
    """``{role}-{window}-base-v{N}``, such as ``reasoning-32k-base-v1``."""
    role: Literal["reasoning", "coding", "tiny"]
    name: str
    """Upstream name, such as ``Qwen/Qwen3-4B``; what ``kinds.ADAPTER_KINDS`` names."""
    architecture: str
    """First of ``architectures`` in ``config.json``."""
    parameters: int
    window: int
    """Most tokens of prompt and answer together."""
    chat: str
    """Name of its ``ChatFormat``, content included."""
    end_of_turn: str
    """Text of the token that ends an answer."""
    files: tuple[Input, ...]
    """SHA-256 of every file of ``model/``, sorted by name."""
    content_id: str
    """SHA-256 over ``files``: adapters name it, and nothing else is the same base."""
    gate_1: str = ""
    """Digest of the report of Gate 1's base half; empty where none was made: then a round needs a
    waiver."""
    replaces: str = ""
    """``base_id`` of the version that it makes obsolete; adapters of that one are void."""

    @property
    def on_trial(self) -> bool:
        """Whether it is there for its gate alone."""
        return self.name.endswith(ON_TRIAL)

    @field_validator("files")
    @classmethod
    def _sorted(cls, value: tuple[Input, ...]) -> tuple[Input, ...]:
        names = [item.name for item in value]
        if names != sorted(names):
            raise ValueError(f"files: expected them sorted by name, found {names}")
        return value
