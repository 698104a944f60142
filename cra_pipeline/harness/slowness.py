"""Whether an attempt that found no end was held up by the model server. Pure."""

from __future__ import annotations

from cra_pipeline.contracts.agents import AgentRun
from cra_pipeline.contracts.calls import CallRecord
from cra_pipeline.contracts.tasks import Outcome

PATIENCE_S = 250.0
"""An agent that leaves after so long has waited in vain: its own limit is 300 seconds."""

_LEFT = "the client left"
"""How the gateway's log begins its word on a call that was not waited for."""


def excused(run: AgentRun, took_s: float) -> AgentRun:
    """A run that answers came too late for is no failure of the agent; the next run tries again.

    That is one whose time was over when it had waited for answers for the greater part of it, or
    that broke off while it waited for one beyond all patience. All others stay as they are.

    Args:
        run: Not judged yet.
        took_s: Seconds from its beginning to its end.
    """
    waited_s = sum(call.latency_ms for call in run.calls) / 1000
    if run.outcome is Outcome.TIMED_OUT and waited_s > took_s / 2:
        return _slow(run, f"{waited_s:.0f} of {took_s:.0f} s went to {len(run.calls)} answers")
    if run.outcome is Outcome.AGENT_ERROR and run.calls and _in_vain(run.calls[-1]):
        kind = run.calls[-1].call_kind
        return _slow(run, f"{kind}: no answer in {run.calls[-1].latency_ms / 1000:.0f} s")
    return run


def _in_vain(call: CallRecord) -> bool:
    return call.error.startswith(_LEFT) and call.latency_ms >= PATIENCE_S * 1000


def _slow(run: AgentRun, detail: str) -> AgentRun:
    told = {"outcome": Outcome.MODEL_ERROR, "reason": "slow_answers", "detail": detail}
    return run.model_copy(update=told)
