"""A conversation as a base model's chat template renders it, in text and in tokens.

Plain dataclasses and no records: they live for one row and never touch disk.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Rendering:
    """System text, prompt and answer through a chat template.

    Attributes:
        prompt_text: What a server renders before the model answers, the answering turn opened.
        answer_text: What follows ``prompt_text`` once the answer is there; None where the template
            renders the prompt otherwise in an answered conversation.
        prompt_ids: Tokens of ``prompt_text``: what a server hands to the model.
        answer_ids: Tokens of ``answer_text`` alone; empty where it is None.
        whole_ids: Tokens of the answered conversation, made in one go.
    """

    prompt_text: str
    answer_text: str | None
    prompt_ids: tuple[int, ...]
    answer_ids: tuple[int, ...]
    whole_ids: tuple[int, ...]
