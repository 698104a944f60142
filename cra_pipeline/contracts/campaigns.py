"""A campaign: many attempts of an agent under one policy."""

from __future__ import annotations

import re

from cra_pipeline.contracts.agents import AgentSettings, AttemptPlan, TaskForm
from cra_pipeline.contracts.record import Record

_HOTTEST = 2.0
"""As model servers allow."""

AGENT = "clean_room"
"""The backend that campaigns run."""


SPEND_LIMIT_REACHED = "spend limit reached"
"""How a responder's refusal to spend more begins."""

PROMPT_TOO_LONG = "longer than the model's window"
"""How a responder's word on a request that can never be answered begins."""


RANKED = ("ranked", "ranked_with_model")
"""Responders that rank the repository's files; the second asks the server's model as well."""


class ResponderSpec(Record):
    """Who answers the agent's calls; holds no secret, only the name of the variable that does."""

    name: str
    """``gold``, ``openai``, ``ranked``, ``ranked_with_model`` or ``recorded``."""
    kinds: tuple[str, ...] = ()
    """Call kinds that it answers, sorted; gold answers the rest. Empty: it answers all."""
    base_url: str = ""
    """Of an OpenAI-compatible server."""
    model: str = ""
    models: tuple[tuple[str, str], ...] = ()
    """(call kind, model): how an adapter is chosen."""
    key_variable: str = ""
    concurrency: int = 16
    """Most requests under way at once."""
    requests_per_minute: float = 0.0
    """Most requests begun in a minute; 0 for any number."""
    prompt_price: float = 0.0
    """Of a million prompt tokens."""
    completion_price: float = 0.0
    """Of a million answered tokens."""
    spend_limit: float | None = None
    """Most that may be spent, in the money of the prices; None for no limit."""
    recordings: str = ""
    """Id of the campaign that ``recorded`` answers again."""

    def deciding(self) -> ResponderSpec:
        """What decides its answers: how fast and dear they may be is of the moment."""
        bare = ResponderSpec(name=self.name)
        return self.model_copy(update={name: getattr(bare, name) for name in _OF_THE_MOMENT})

    def label(self) -> str:
        """Names it in a row, such as ``qwen3 (implement)``."""
        who = self.model or self.name
        if self.name in RANKED and self.model:
            who = f"{self.name}, {self.model}"
        return f"{who} ({', '.join(self.kinds)})" if self.kinds else who


_OF_THE_MOMENT = (
    "concurrency",
    "requests_per_minute",
    "prompt_price",
    "completion_price",
    "spend_limit",
)


class CampaignSpec(Record):
    """``campaigns/<id>.json``: written before the first attempt, never edited."""

    name: str
    """For people."""
    program: str
    """Digest of the agent's program: attempts of another one are another campaign's."""
    round: str
    repos: tuple[str, ...]
    """Sorted."""
    responder: ResponderSpec
    settings: AgentSettings
    forms: tuple[TaskForm, ...] = ("names", "metadata")
    temperatures: tuple[float, ...] = (0.0,)
    seeds: tuple[int, ...] = (0,)
    reworded: bool = False
    """Whether statements that a model has reworded take the place of poor ones."""
    limit: int = 0
    """Most tasks of a repository, most valuable first; 0 for all."""

    @property
    def campaign_id(self) -> str:
        """First 12 digits of its digest: the same policy is the same campaign.

        Pace, prices and spend limit of the responder may change from run to run.
        """
        return self.model_copy(update={"responder": self.responder.deciding()}).digest()[:12]


class CampaignUse(Record):
    """Line of ``campaigns/<id>.use.jsonl``: what one try took, finished, spoiled or killed."""

    attempt: str
    """Its id; one that is made again has several lines."""
    calls: int
    prompt_tokens: int
    completion_tokens: int
    refused: bool
    """Whether the responder would have passed its spend limit."""
    at: float
    """When it ended, in seconds since the epoch."""
    money: float | None = None
    """At the prices of that time; None on lines that older versions wrote."""
    log: int = 0
    """When its request log was last written to, in nanoseconds since the epoch: tells the logs
    of several tries apart. 0 where it has none."""


def campaign_plans(spec: CampaignSpec) -> tuple[AttemptPlan, ...]:
    """One plan for each task form, temperature and seed, in that order."""
    return tuple(
        AttemptPlan(
            agent=AGENT,
            configuration=spec.settings.name,
            temperature=temperature,
            seed=seed,
            task_form=form,
            responder=spec.responder.label(),
            campaign=spec.campaign_id,
        )
        for form in spec.forms
        for temperature in spec.temperatures
        for seed in spec.seeds
    )


def require_sound(spec: CampaignSpec) -> None:
    """Refuse a policy that cannot be meant.

    Raises:
        ValueError: A list is empty or repeats itself, a temperature lies outside of [0, 2], or a
            key is given in place of the variable that holds it.
    """
    for name in ("repos", "forms", "temperatures", "seeds"):
        values = getattr(spec, name)
        if not values or len(set(values)) != len(values):
            raise ValueError(f"{name}: expected one or more, each once, found {values!r}")
    variable = spec.responder.key_variable
    if variable and not re.fullmatch(r"[A-Z_][A-Z0-9_]{0,63}", variable):
        # It may be the key itself: nothing repeats it, and nothing is written.
        raise ValueError("key variable: no name of a variable, expected such as TEACHER_KEY")
    if any(not 0.0 <= value <= _HOTTEST for value in spec.temperatures):
        raise ValueError(f"temperatures lie in [0, {_HOTTEST:g}], found {spec.temperatures!r}")
