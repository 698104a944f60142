"""One question to a model and its answer, as the gateway hands them on and logs them."""

from __future__ import annotations

from typing import Literal

from cra_pipeline.contracts.record import Record


class ModelRequest(Record):
    """What a responder is asked."""

    attempt: str
    """Key of the attempt in which the agent asks; empty where it belongs to none."""
    number: int
    """Position of the call within its attempt, from 0."""
    call_kind: str
    """Key of ``kinds.CALL_KINDS``."""
    model: str
    """The tag that the agent sent."""
    system: str
    prompt: str
    temperature: float
    seed: int
    max_tokens: int
    """Most tokens of the answer: the smaller of the agent's wish and the kind's cap."""


class ModelAnswer(Record):
    """What a responder says."""

    text: str
    """The answer without thinking."""
    thinking: str = ""
    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    model: str
    """The model that answered, version or adapter included."""
    finish: Literal["stop", "length"] = "stop"
    responder: str
    """Name of the responder that answered; a mixture names the member."""


class CallRecord(Record):
    """One line of an attempt's request log (``calls.jsonl``), written before the agent hears it."""

    attempt: str
    number: int
    call_kind: str
    """Key of ``kinds.CALL_KINDS``; empty where the system prompt is unknown."""
    system: str
    prompt: str
    response: str
    """Exactly the text that the agent received, thinking aside; empty after an error."""
    thinking: str
    prompt_tokens: int | None
    completion_tokens: int | None
    latency_ms: int
    responder: str
    model: str
    temperature: float
    seed: int
    finish: Literal["stop", "length", "error"]
    error: str
    """Why there is no answer; empty otherwise."""


class IndexedSymbol(Record):
    """A symbol as the agent's own parser sees it."""

    path: str
    name: str
    """Bare name, without its class."""
    kind: str
    """``function``, ``method``, ``class``, …"""
    start_line: int
    """First line, from 1."""
    end_line: int
    """Last line, inclusive."""
