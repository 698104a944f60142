"""From what an agent's run left to whether there is anything to judge.

Only a run that came to its own end says something about the agent; whatever else happened has a
name of its own and its evidence.
"""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from cra_pipeline.contracts.calls import CallRecord
from cra_pipeline.contracts.campaigns import PROMPT_TOO_LONG
from cra_pipeline.contracts.sandbox import Ending
from cra_pipeline.contracts.tasks import Outcome
from cra_pipeline.errors import StoreError
from cra_pipeline.integrations.clean_room.launch import Left
from cra_pipeline.integrations.leftovers import prefix_of
from cra_pipeline.integrations.raw_db.outcome import AgentStatus, agent_outcome

_WORDS = 300
_LEFT = "the client left"
"""How the gateway's log begins its word on a call that was not waited for."""
_RAW = "raw.sqlite"
_GOLD, _NO_RIGHT = "gold", "the commit knows no answer"
"""The responder that answers from the commit, and its word where it cannot."""
_RECORDED = "recorded"
"""The responder that repeats answers, and refusals in the words of who refused."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RunEnding:
    """How a run ended.

    Attributes:
        outcome: None where the change is to be judged.
        reason: Short code; empty where it is to be judged.
        detail: Evidence, without host paths.
        status: The agent's own word.
        withheld: Why a pass of the hidden tests does not count.
    """

    outcome: Outcome | None = None
    reason: str = ""
    detail: str = ""
    status: str = ""
    withheld: str = ""


def judged_ending(
    left: Left,
    calls: Sequence[CallRecord],
    faults: Sequence[str] = (),
    untested: Sequence[str] = (),
) -> RunEnding:
    """Look at the machine first, then the model server, the program, and last the agent's word.

    Args:
        left: Of the run.
        calls: Its request log.
        faults: What went wrong at the gateway, such as a log that could not be written.
        untested: Why the machine could not run the agent's own tests: it took them for failures.
    """
    unstarted = left.sandbox.ending is Ending.NOT_STARTED
    if unstarted or untested:
        reason = "sandbox_not_started" if unstarted else "tests_not_run"
        words = left.sandbox.detail if unstarted else untested[0]
        return _none(Outcome.SANDBOX_ERROR, reason, words)
    failed = [call for call in calls if call.finish == "error"]
    unanswered = next((call for call in failed if _is_models(call)), None)
    if unanswered is not None:
        return _unanswered(unanswered, calls)
    if faults:
        return _none(Outcome.SANDBOX_ERROR, "gateway_failed", faults[0])
    if left.ending in {"interrupted", "killed"} or left.sandbox.ending is Ending.TIMED_OUT:
        return _none(Outcome.TIMED_OUT, "timed_out", f"after {len(calls)} calls")
    return _by_exit(left, failed)


def _unanswered(unanswered: CallRecord, calls: Sequence[CallRecord]) -> RunEnding:
    words = f"{unanswered.call_kind}: {unanswered.error}"
    if _is_astray(unanswered, calls):
        return RunEnding(
            outcome=Outcome.FAILED, reason="led_astray", detail=words[:_WORDS], status="failed"
        )
    if unanswered.error.startswith(PROMPT_TOO_LONG):
        # No fault of a server that another try would mend: it is what the agent asked.
        return _none(Outcome.AGENT_ERROR, "prompt_too_long", words)
    return _none(Outcome.MODEL_ERROR, "no_answer", words)


def _by_exit(left: Left, failed: Sequence[CallRecord]) -> RunEnding:
    if not left.ending:
        words = f"{left.sandbox.ending.value}: {left.sandbox.detail} {left.output}"
        return _none(Outcome.AGENT_ERROR, "nothing_came_back", words)
    refused = next((call for call in failed if not call.call_kind), None)
    if refused is not None:
        return _none(Outcome.AGENT_ERROR, "unknown_call", refused.error)
    if left.exit_code != 0:
        return _none(Outcome.AGENT_ERROR, f"exit_{left.exit_code}", _last_line(left.output))
    return _by_status(left)


def _is_astray(unanswered: CallRecord, calls: Sequence[CallRecord]) -> bool:
    """Whether the commit had no answer any more because a model's earlier ones led elsewhere.

    Answers that are given again bear the name of who gave them first; what fails does not, and
    then the words tell who refused.
    """
    by_model = any(call.finish != "error" and call.responder != _GOLD for call in calls)
    by_commit = unanswered.responder in {_GOLD, _RECORDED} and _NO_RIGHT in unanswered.error
    return by_model and by_commit


def _is_models(call: CallRecord) -> bool:
    """Whether it failed for want of an answer.

    What the gateway could not even read has no kind, and a client that left did not wait for one.
    """
    return bool(call.call_kind) and not call.error.startswith(_LEFT)


def _by_status(left: Left) -> RunEnding:
    try:
        said = _status(left)
    except StoreError as error:
        return _none(Outcome.AGENT_ERROR, "no_raw_db", str(error).rpartition(f"{_RAW}: ")[2])
    if said.status in {"crashed", "absent"}:
        return _none(Outcome.AGENT_ERROR, f"run_{said.status}", _last_line(left.output))
    if said.status != "complete":
        # All that it did is undone: no test could pass.
        return RunEnding(
            outcome=Outcome.FAILED,
            reason=f"agent_{said.status}",
            detail=_why_undone(said, left.output)[:_WORDS],
            status=said.status,
        )
    return RunEnding(status=said.status, withheld=_withheld(said))


def _why_undone(said: AgentStatus, output: str) -> str:
    if said.error:
        return said.error
    return f"its tests: {said.failing}" if said.failing else _last_warning(output)


def _withheld(said: AgentStatus) -> str:
    if said.succeeded:
        return ""
    return "not_validated" if said.validated is not True else "parts_missing"


def _status(left: Left) -> AgentStatus:
    database = left.databases.get(_RAW, b"")
    if not database:
        told = [line for line in left.output.splitlines() if line.startswith(f"{_RAW}: ")]
        raise StoreError(told[-1] if told else f"{_RAW}: the agent left none")
    with tempfile.TemporaryDirectory(prefix=prefix_of("cra")) as folder:
        place = Path(folder) / _RAW
        place.write_bytes(database)
        return agent_outcome(place)


def _none(outcome: Outcome, reason: str, detail: str) -> RunEnding:
    return RunEnding(outcome=outcome, reason=reason, detail=" ".join(detail.split())[:_WORDS])


def _last_line(output: str) -> str:
    lines = [line.strip() for line in output.splitlines() if line.strip()]
    return lines[-1] if lines else ""


def _last_warning(output: str) -> str:
    """The agent's last word on what went wrong; its log begins each line with the level."""
    bad = [line for line in output.splitlines() if line.startswith(("ERROR", "WARNING"))]
    return (bad[-1] if bad else _last_line(output))[:_WORDS]
