"""What the oracle is told about one attempt: task text, texts, symbols and budget.

Pure data; reading it from a clone or from the agent's database belongs to the caller.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from cra_pipeline.contracts.calls import IndexedSymbol

_SAFETY = 0.9
"""Share of its budget that the agent's assembly fills."""
_PLANNED, _GATED = 4, 3
"""Characters per token: as the agent plans a context, and as its gate counts a prompt."""
_AROUND = 14_000
"""Characters that a prompt may hold beside its context: system text, step, earlier changes."""
_SPARE = 1_500


@dataclass(frozen=True, slots=True, kw_only=True)
class Budget:
    """What the agent's configuration says about sizes, in tokens.

    Attributes:
        context_window: Tokens of prompt and answer together.
        reserved_tokens: Tokens that its assembly leaves free.
        max_tokens: Tokens that its gate keeps for the answer.
    """

    context_window: int
    reserved_tokens: int
    max_tokens: int

    @property
    def characters(self) -> int:
        """Characters that one retrieval pass may fill with code; never negative.

        Two limits hold, and the agent counts them differently: a context that its assembly
        accepts can still be refused when the prompt is sent.
        """
        assembled = _PLANNED * int(_SAFETY * (self.context_window - self.reserved_tokens)) - _SPARE
        return max(0, min(assembled, self.ceiling))

    @property
    def ceiling(self) -> int:
        """Characters of code with which a prompt can still be sent; never below ``characters``.

        Between the two, the agent asks which files to keep.
        """
        return max(0, _GATED * (self.context_window - self.max_tokens) - _AROUND - _SPARE)


@dataclass(frozen=True, slots=True, kw_only=True)
class GoldBook:
    """One attempt, as far as the oracle may know it.

    Attributes:
        statement: The task text exactly as the agent gets it.
        subject: First line of the commit's message, cleaned like the statement.
        before: Text of every indexed ``.py`` file at the prepared base, by path.
        after: Text of each changed ``.py`` file after the commit, by path; all are in ``before``.
        symbols: The agent's own symbol table of the prepared base.
        test_files: Paths that are tests; others may be among them.
        budget: Sizes that the agent was configured with.
    """

    statement: str
    subject: str
    before: Mapping[str, str]
    after: Mapping[str, str]
    symbols: tuple[IndexedSymbol, ...]
    test_files: frozenset[str]
    budget: Budget

    def __post_init__(self) -> None:
        """Refuse a change of files that the agent cannot know."""
        if strange := sorted(set(self.after) - set(self.before)):
            raise ValueError(f"{strange[0]}: changes, but is no indexed file of the prepared base")
