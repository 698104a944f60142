"""What the logs say: copied tables, and the rows that log analysis hands out.

Two kinds of ids meet here. ``agent_task`` is the agent's own: 36 characters for a run, with a
suffix such as ``:impl:p1:s2`` for a pass of it. ``task_id`` is ours: the commit as a problem.
Texts are empty where the source has nothing.
"""

from __future__ import annotations

from cra_pipeline.contracts.record import Record


class SnapshotTable(Record):
    """One table of one raw database (row of ``raw_snapshot.parquet``)."""

    database: str
    """``home`` for the workspace's own; else the name of the folder that the agent worked in."""
    table: str
    """Its name in the database, and of the folder ``tables/<table>/<database>.parquet``."""
    rows: int
    content_id: str
    """SHA-256 of the Parquet file."""


class RunLog(Record):
    """One run of the agent, and the attempt of ours that it was."""

    database: str
    """Empty where an attempt is known but no run of it was merged."""
    agent_task: str
    attempt_id: str
    """Empty for a user's own run, as are the next four."""
    task_id: str
    repo: str
    round: str
    outcome: str
    """Verdict of the hidden tests."""
    status: str
    """In the agent's words: ``complete``, ``partial``, ``failed`` or ``running``."""
    parts_completed: int
    total_parts: int | None
    """None where the first plan failed."""
    validated: bool | None
    """Whether all of the agent's own test runs passed; None where there was none."""
    calls: int
    """Model calls that the agent logged; those of a pass that raised are lost."""


class LoggedCall(Record):
    """One model call as the agent logged it."""

    database: str
    id: int
    """Key in its database; the order of logging."""
    agent_task: str
    """Of the pass."""
    attempt_id: str
    call_kind: str
    """Key of ``kinds.CALL_KINDS``; empty where neither prompt nor place tells."""
    model: str
    prompt: str
    response: str
    prompt_tokens: int | None
    completion_tokens: int | None
    latency_ms: int


class RetrievalDecision(Record):
    """What a retrieval stage kept or left out."""

    database: str
    id: int
    agent_task: str
    """Of the pass."""
    attempt_id: str
    stage: str
    """``scope``, ``precision`` or ``assembly``."""
    file_id: int
    """In the curated database of that attempt, as is the next."""
    symbol_id: int | None
    tier: str
    detail_level: str
    included: bool
    reason: str


class EditTry(Record):
    """One answer with edits that could be read, applied or not."""

    database: str
    id: int
    agent_task: str
    """Of the pass."""
    attempt_id: str
    number: int
    """From 1 within its pass."""
    applied: bool
    """Whether the edits stand in the end; False also where the part was rolled back."""
    latency_ms: int


class ValidationLog(Record):
    """One run of the agent's own tests."""

    database: str
    id: int
    agent_task: str
    """Of the pass whose answer came last before."""
    attempt_id: str
    passed: bool
    failing: str
    """JSON list of failing tests, as the agent tells it."""
    output: str


class TaskLog(Record):
    """Everything that the logs hold of one task, each list in the order of logging."""

    runs: tuple[RunLog, ...]
    calls: tuple[LoggedCall, ...]
    decisions: tuple[RetrievalDecision, ...]
    tries: tuple[EditTry, ...]
    validations: tuple[ValidationLog, ...]


class AnswerGroup(Record):
    """Equal answers to calls of one kind whose right answer is known."""

    round: str
    call_kind: str
    responder: str
    output: str
    right_answer: str
    outcome: str
    """Of the attempts."""
    calls: int


class CallGroup(Record):
    """Calls of one kind that were answered alike, and what they cost."""

    round: str
    call_kind: str
    responder: str
    finish: str
    """``stop``, ``length`` or ``error``."""
    response: str
    calls: int
    prompt_tokens: int
    """As far as the responder counts them, as the next."""
    completion_tokens: int
    latency_ms: int


class VerdictGroup(Record):
    """Judged attempts in which a responder answered calls of one kind."""

    round: str
    call_kind: str
    responder: str
    attempts: int
    passed: int


class StockGroup(Record):
    """Rows that could be trained on, by call kind, source and repository."""

    call_kind: str
    source: str
    """As in ``datasets.Source``."""
    form: str
    """``sft`` or ``dpo``."""
    repo: str
    domain: str
    rows: int


class CallEvidence(Record):
    """One call of an attempt as the retrieval stages of log analysis weigh it."""

    attempt_id: str
    number: int
    """Position of the call within its attempt, from 0."""
    task_id: str
    round: str
    call_kind: str
    responder: str
    outcome: str
    """Of the attempt."""
    output: str
    right_answer: str
    tokens: int
    """Of prompt and answer; 0 where the responder does not count."""
    characters: int
    """The same in characters, which are always known."""
