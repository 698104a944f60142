"""Rows of log analysis, with what a test does not care about filled in."""

from __future__ import annotations

from cra_pipeline.contracts.logs import (
    AnswerGroup,
    CallEvidence,
    CallGroup,
    StockGroup,
    VerdictGroup,
)


def answers(kind: str, right: int, wrong: int, **changed: str) -> list[AnswerGroup]:
    """Answers of a model to yes-or-no calls whose right answer is yes."""
    fields = {"round": "r01", "call_kind": kind, "responder": "tiny", "right_answer": "yes"}
    fields["outcome"] = "passed"
    return [
        AnswerGroup.model_validate(fields | changed | {"output": output, "calls": calls})
        for output, calls in (("yes", right), ("no", wrong))
        if calls
    ]


def calls(kind: str, readable: int, other: int = 0, **changed: object) -> list[CallGroup]:
    """Calls of a model; ``other`` ones said what the agent cannot read."""
    fields: dict[str, object] = {
        "round": "r01", "call_kind": kind, "responder": "tiny", "finish": "stop",
        "prompt_tokens": 100, "completion_tokens": 10, "latency_ms": 50,
    }  # fmt: skip
    return [
        CallGroup.model_validate(fields | {"response": response, "calls": count} | changed)
        for response, count in (("yes", readable), ("Yes, it is.", other))
        if count
    ]


def stock(kind: str, rows: int, *, source: str = "synthetic", form: str = "sft") -> StockGroup:
    """Candidates of one repository."""
    return StockGroup(
        call_kind=kind, source=source, form=form, repo="till", domain="libraries", rows=rows
    )


def verdicts(kind: str, passed: int, attempts: int, *, responder: str = "tiny") -> VerdictGroup:
    """Judged attempts."""
    return VerdictGroup(
        round="r01", call_kind=kind, responder=responder, attempts=attempts, passed=passed
    )


def evidence(number: int, **changed: object) -> CallEvidence:
    """A scope call that was right, in an attempt that passed."""
    fields: dict[str, object] = {
        "attempt_id": "a" * 64, "number": number, "task_id": "till-1", "round": "r01",
        "call_kind": "scope", "responder": "tiny", "outcome": "passed", "output": "yes",
        "right_answer": "yes", "tokens": 100, "characters": 400,
    }  # fmt: skip
    return CallEvidence.model_validate(fields | changed)
