"""Rows that do not fit into their kind's window: left out, never cut.

A prompt that was cut is none that the agent ever sends, and a completion that was cut has lost
its end.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from cra_pipeline.contracts.datasets import CandidateRow
from cra_pipeline.kinds import ADAPTER_KINDS


class TokenCounter(Protocol):
    """Counts as the serving tokenizer does, chat template included."""

    @property
    def name(self) -> str:
        """Which tokenizer it is; stands in the dataset's policy."""
        ...

    @property
    def exact(self) -> bool:
        """Whether it is the serving tokenizer, and no estimate."""
        ...

    def count(self, system: str, prompt: str, answer: str) -> int:
        """Tokens of one conversation, from its first to its end-of-turn token."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class LengthPolicy:
    """How long a conversation may be.

    Attributes:
        window: Most tokens of prompt and completion; 0 for the kind's own.
    """

    window: int = 0

    def most(self, adapter_kind: str) -> int:
        """Tokens that fit.

        Raises:
            KeyError: No such kind.
        """
        return self.window or ADAPTER_KINDS[adapter_kind].window


def tokens(row: CandidateRow, counter: TokenCounter) -> int:
    """Of the row's longest conversation: a pair is two."""
    return max(counter.count(row.system, row.prompt, answer) for answer in row.answers)


@dataclass(frozen=True, slots=True)
class CharacterCounter:
    """Counts as the agent's own gate does: three characters for a token, rounded up.

    More than real tokenizers need for code and English, so that nothing too long slips through.
    """

    name: str = "characters/3"
    exact: bool = False
    turns: int = 3
    overhead: int = 8

    def count(self, system: str, prompt: str, answer: str) -> int:
        """Tokens, a few for each turn's frame included."""
        texts = (system, prompt, answer)
        return sum(-(-len(text) // 3) for text in texts) + self.turns * self.overhead


def sort_of(counter: TokenCounter) -> str:
    """What its numbers are worth: ``counted`` or ``estimated``."""
    return "counted" if counter.exact else "estimated"
