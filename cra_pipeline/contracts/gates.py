"""What gates measure and decide; a report is evidence, re-read by whoever acts on it."""

from __future__ import annotations

from typing import Literal

from cra_pipeline.contracts.manifests import Input
from cra_pipeline.contracts.record import Record

Arm = Literal["base", "incumbent", "candidate"]
"""Who answers the calls of the gated kind; gold answers all others. Where no version was active
when the round was opened, there is no arm ``incumbent``."""

Decision = Literal["passed", "failed", "not_enough_evidence"]


class HoldoutAttempt(Record):
    """One attempt of one arm on a task of the holdout (row of ``holdout_attempts.parquet``)."""

    adapter_kind: str
    round: str
    arm: Arm
    model: str
    """Digest of what answered: base digest, or base digest and adapter digest joined by ``+``."""
    served_as: str
    """Quantisation and precision of the served form, such as ``float32``; gate figures and service
    come from the same."""
    task_id: str
    repo: str
    reason: Literal["held_out_repository", "after_cut_off"]
    seed: int
    temperature: float
    attempt_id: str
    outcome: str
    """As of ``Outcome``; only ``passed`` and ``failed`` judge the model."""
    detail: str
    """Why, where it is neither."""
    calls: int
    """Calls of the gated kind."""
    latency_ms: float
    """Mean of those calls; a host fact, not in content ids."""


class HoldoutAnswer(Record):
    """One answered call of the gated kind (row of ``holdout_answers.parquet``)."""

    adapter_kind: str
    round: str
    arm: Arm
    model: str
    task_id: str
    repo: str
    reason: Literal["held_out_repository", "after_cut_off"]
    attempt_id: str
    call_number: int
    call_kind: str
    prompt_sha256: str
    response: str
    right: str
    """The right answer by the diff; empty where it knows none."""
    expected: bool | None
    """Of yes/no kinds: what is right."""
    answered: bool | None
    """Of yes/no kinds: what was read; None for an answer that could not be told."""
    score: float | None
    """Of other kinds: the answer's measure in [0, 1], by the kind's metric; None without one."""


class Estimate(Record):
    """A figure with its interval."""

    value: float
    low: float
    """Lower bound of the 95 % interval."""
    high: float
    clusters: int
    """Tasks that it was resampled by."""
    method: str
    """Such as ``bootstrap by task, 10,000 draws, seed 0`` or ``Wilson``."""


class ArmFigure(Record):
    """One metric of one arm; baselines that need no model (``always_yes``) are arms here too."""

    arm: str
    metric: str
    estimate: Estimate | None
    """None: cannot be computed, such as a precision without a yes."""


class PairedChange(Record):
    """Candidate less another arm on the same tasks."""

    metric: str
    against: Arm
    estimate: Estimate
    p_value: float
    """One-sided, that the candidate is no better."""
    test: str
    """Such as ``exact McNemar`` or ``bootstrap by task``."""
    won: tuple[str, ...]
    """Tasks where the candidate is better, sorted."""
    lost: tuple[str, ...]


class Requirement(Record):
    """One thing that must hold, and whether it does."""

    name: str
    """Such as ``threshold:relevant_recall`` or ``gain_against_incumbent``."""
    holds: bool | None
    """None: too little evidence to tell."""
    found: str
    expected: str


class GateReport(Record):
    """``gate.json`` of one kind and round; its digest is what the registry asks for."""

    adapter_kind: str
    round: str
    base_digest: str
    adapter_digest: str
    incumbent: str
    """Version that was active when the round was opened; empty where none was."""
    incumbent_digest: str
    primary: str
    """Name of the primary metric."""
    decision: Decision
    requirements: tuple[Requirement, ...]
    figures: tuple[ArmFigure, ...]
    changes: tuple[PairedChange, ...]
    tasks: int
    inputs: tuple[Input, ...]
    policy: str
    """Canonical JSON of every number that decided."""
    waivers: tuple[str, ...] = ()
    """Of the round's record, as far as they bear on this kind."""


class RoundGateReport(Record):
    """``round_gate.json``: Gates 1 and 2 over all candidates of a round that passed, together."""

    round: str
    candidates: tuple[Input, ...]
    """(kind, digest of its gate report) of those that passed, sorted."""
    gate_1: Decision
    """Base half; where a candidate is of a later tier, both halves. Promotions ask for it."""
    gate_1_adapters: Decision = "not_enough_evidence"
    """Adapter half: scope and code adapters passed, now or earlier. Training of tiers 2 and 3 asks
    for it beside the base half."""
    gate_2: Decision
    requirements: tuple[Requirement, ...]
    changes: tuple[PairedChange, ...]
    tasks: int
    inputs: tuple[Input, ...]
    policy: str
    waivers: tuple[str, ...] = ()
