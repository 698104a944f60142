"""How an agent is set up, what is asked of it, and what it comes back with."""

from __future__ import annotations

from typing import Literal

from cra_pipeline.contracts.calls import CallRecord
from cra_pipeline.contracts.record import Record
from cra_pipeline.contracts.tasks import Outcome, Proposal

TaskForm = Literal["names", "metadata"]
"""``names``: the task text lists the files; ``metadata``: it does not, and the agent's index
describes every file in words taken from the base tree alone."""


class AgentSettings(Record):
    """A configuration of the Clean Room Agent; everything that decides its prompts."""

    name: str
    """Such as ``monolithic``; part of every attempt's configuration."""
    context_window: int = 32768
    """Tokens."""
    reserved_tokens: int = 13312
    """Tokens that assembly leaves free: below a quarter of the window its own gate closes."""
    max_diff_chars: int = 12000
    """Most characters of earlier changes in a prompt."""
    stages: tuple[str, ...] = ("scope", "precision")
    decomposed: bool = False
    binary_grouping: bool = False
    adjustment_rounds: int = 0
    documentation: bool = False
    max_files: tuple[int, int, int] = (30, 20, 40)
    """Most dependencies, co-changes and described files that retrieval offers."""
    max_keywords: int = 12
    """Longest words of a task text by which described files are found."""
    oracle_reserved_tokens: int | None = None
    """What the oracle thinks is reserved. Fewer than ``reserved_tokens``, and its answers call for
    more than fits, so that the agent asks what to leave out; None for the same."""

    @property
    def max_tokens(self) -> int:
        """Tokens that the agent reserves for an answer: its own default."""
        return self.context_window // 8


class AttemptPlan(Record):
    """What is asked of a backend once; its digest and the task's decide the attempt."""

    agent: str
    configuration: str
    """Names the variant, such as ``gold`` or ``monolithic``."""
    temperature: float = 0.0
    seed: int = 0
    task_form: Literal["", "names", "metadata"] = ""
    responder: str = ""
    """Who answers the agent's calls; empty for backends that call no model."""
    campaign: str = ""
    """Id of the campaign; empty outside of one."""


class AgentRun(Record):
    """What became of one run of an agent, before its change is judged."""

    proposal: Proposal
    outcome: Outcome | None = None
    """Set where there is nothing to judge, such as ``agent_error``; None: judge the proposal."""
    reason: str = ""
    detail: str = ""
    withheld: str = ""
    """Why a pass of the hidden tests does not count, such as ``not_validated``; else empty."""
    status: str = ""
    """What the agent itself says, such as ``complete``; empty for backends that say nothing."""
    reproduced: bool | None = None
    """Whether every changed ``.py`` file equals the commit's."""
    usable: bool | None = None
    """Whether it is reproduced and each answer's grounds stand in its own prompt; None where not
    asked. Grounds are looked up by the commit's change, so of another tree they are not known.
    """
    shortfall: str = ""
    """First reason why it is not reproduced or not usable."""
    calls: tuple[CallRecord, ...] = ()
    """In order; empty for backends that call no model."""
    right_answers: tuple[str, ...] = ()
    """To each call; empty texts where the commit knows none."""
