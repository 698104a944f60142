"""Training plans: what the logs say of each call kind, and what to train next.

Nothing in them depends on the clock or the machine; times lie in ``costs.json`` beside the plan.
"""

from __future__ import annotations

from typing import Literal

from cra_pipeline.contracts.record import Record

Decision = Literal["train", "too_little_data", "measure_more", "good_enough"]
"""``measure_more``: its weakness lies within the uncertainty; ``good_enough``: surely below it."""

Trend = Literal["unknown", "better", "worse", "within_uncertainty"]
"""Last measured round against the first one; ``unknown`` with fewer than two."""


class Rate(Record):
    """A share with its Wilson interval."""

    hits: int
    of: int
    """0 where nothing was measured; the interval is then [0, 1]."""
    low: float
    high: float


class RoundRates(Record):
    """Rates of one round."""

    round: str
    errors: Rate
    disagreement: Rate


class CallKindFacts(Record):
    """What models made of one call kind; answers taken from the commit are counted apart."""

    call_kind: str
    """Key of ``kinds.CALL_KINDS``."""
    adapter_kind: str
    """Key of ``kinds.ADAPTER_KINDS``; empty for auxiliary calls."""
    commit_calls: int
    """Calls that were answered from the commit."""
    model_calls: int
    errors: Rate
    """Calls without an answer of the right form."""
    disagreement: Rate
    """Wrong answers, of those whose right answer is known; a plan or edit that differs from the
    commit's is wrong only where the hidden tests failed the attempt."""
    prompt_tokens: int
    """Of the model's calls, as far as the responder counts them."""
    completion_tokens: int
    trend: Trend
    rounds: tuple[RoundRates, ...]
    """In order, only rounds in which a model was asked."""


class CallCost(Record):
    """Time that calls of a kind took."""

    call_kind: str
    calls: int
    """Answered by models."""
    latency_ms: int
    """Of all of them."""


class CallCosts(Record):
    """``costs.json``: host facts, in no content id."""

    round: str
    kinds: tuple[CallCost, ...]


class Stock(Record):
    """Candidates for one adapter kind, before any rule of curation."""

    source: str
    """As in ``datasets.Source``."""
    form: Literal["sft", "dpo"]
    rows: int
    repos: int
    domains: int


class CallRef(Record):
    """One call worth reading, and why it was picked."""

    attempt_id: str
    number: int
    """Position of the call within its attempt, from 0."""
    task_id: str
    call_kind: str
    rule: str
    """Retrieval rule that ranked it first: ``outcome``, ``disagreement`` or ``cost``."""


class Recipe(Record):
    """How the adapter is trained."""

    base: str
    technique: Literal["sft", "sft_dpo", "dpo"]
    rank: int
    alpha: int
    window: int
    """Most tokens of prompt and completion together."""


class Target(Record):
    """Which improvement is aimed at, and how it is measured: an aim, not a forecast."""

    metric: str
    """Measured on the holdout, against the base and against the incumbent."""
    now: Rate
    """The metric as the logs show it; nothing measured where they cannot."""
    threshold: float
    """Least value that its gate lets pass; 0 where base and incumbent alone are held against it."""
    aim: float
    """Value to reach: the threshold, or just above what is measured now."""
    gain: float
    """``aim`` less the measured share; 0 where nothing is measured."""
    examples: int
    """Held-out examples for which such a gain stands out from chance; 0 where none is known."""


class AdapterPlan(Record):
    """What to do about one adapter kind (row of ``training_plan.parquet``)."""

    adapter_kind: str
    round: str
    decision: Decision
    reason: str
    """In words, with the numbers."""
    rank: int
    """Place in the order of training, from 1; 0 where it is not trained."""
    call_kinds: tuple[str, ...]
    """Those with a weakness first, then by name."""
    stock: tuple[Stock, ...]
    examples: int
    """Of the form that its technique needs, all sources together, each prompt once per source."""
    least: int
    """Fewest examples worth a training."""
    wanted: int
    """Examples that the strategy recommends."""
    sources: tuple[str, ...]
    """To draw from, in this order."""
    recipe: Recipe
    target: Target
    evidence: tuple[CallRef, ...]
    """Calls to read first."""


class TrainingPlan(Record):
    """``plan.json`` of one round."""

    round: str
    rounds: tuple[str, ...]
    """Whose evidence was read: this one and all before it, in order."""
    held_out: tuple[str, ...]
    """Repositories whose evidence was not."""
    call_kinds: tuple[CallKindFacts, ...]
    """Every kind that was called, sorted by name."""
    adapters: tuple[AdapterPlan, ...]
    """Every adapter kind; those to train first, in their order."""
    policy: str
    """Canonical JSON of every number that decided."""
    notes: tuple[str, ...] = ()
    """What a reader has to know of the round, such as that no commit comes after its cut-off."""
