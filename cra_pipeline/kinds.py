"""The agent's model jobs, one row each.

A call kind is told from a request by equality of its system prompt with the text that the agent
as installed holds at ``source``; the texts themselves are never kept here.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Literal

AnswerForm = Literal["binary", "json", "edits", "text"]


@dataclass(frozen=True, slots=True, kw_only=True)
class CallKind:
    """One of the agent's model jobs.

    Attributes:
        name: Key of ``CALL_KINDS``.
        source: Where the installed agent holds its system prompt, as ``module:attribute`` or
            ``module:attribute[key]``.
        role: The agent's model role, which decides the tag that it sends.
        form: Shape of the answer.
        cap: Most tokens of an answer; the agent itself asks for all that its window leaves.
        stage: Adapter kind that its calls train; empty for auxiliary calls.
    """

    name: str
    source: str
    role: Literal["coding", "reasoning", "classifier"]
    form: AnswerForm
    cap: int
    stage: str = ""


_FENCE = "```"
_BINARY, _LIST, _PLAN, _EDITS, _TEXT = 16, 512, 2048, 4096, 256
_PROMPTS = "clean_room_agent.execute.prompts:SYSTEM_PROMPTS"
_PRECISION = "clean_room_agent.retrieval.precision_stage"


def _rows() -> tuple[CallKind, ...]:
    retrieval = (
        CallKind(
            name="task_analysis",
            source="clean_room_agent.retrieval.task_analysis:TASK_ANALYSIS_SYSTEM",
            role="reasoning",
            form="text",
            cap=_TEXT,
            stage="task_analysis",
        ),
        CallKind(
            name="stage_routing",
            source="clean_room_agent.retrieval.routing:ROUTING_BINARY_SYSTEM",
            role="reasoning",
            form="binary",
            cap=_BINARY,
        ),
        CallKind(
            name="scope",
            source="clean_room_agent.retrieval.scope_stage:SCOPE_BINARY_SYSTEM",
            role="classifier",
            form="binary",
            cap=_BINARY,
            stage="scope",
        ),
        *(
            CallKind(
                name=f"precision_pass{number}",
                source=f"{_PRECISION}:PRECISION_PASS{number}_SYSTEM",
                role="reasoning",
                form="binary",
                cap=_BINARY,
                stage="precision",
            )
            for number in (1, 2, 3)
        ),
        CallKind(
            name="similarity",
            source="clean_room_agent.retrieval.similarity_stage:SIMILARITY_BINARY_SYSTEM",
            role="classifier",
            form="binary",
            cap=_BINARY,
        ),
        CallKind(
            name="assembly_refilter",
            source="clean_room_agent.retrieval.context_assembly:REFILTER_SYSTEM",
            role="reasoning",
            form="json",
            cap=_LIST,
        ),
    )
    executed: tuple[tuple[str, Literal["coding", "reasoning"], AnswerForm, int, str], ...] = (
        ("meta_plan", "reasoning", "json", _PLAN, "meta_plan"),
        ("part_plan", "reasoning", "json", _PLAN, "step_plan"),
        ("test_plan", "reasoning", "json", _PLAN, "test_plan"),
        ("adjustment", "reasoning", "json", _PLAN, ""),
        ("implement", "coding", "edits", _EDITS, "execute_code"),
        ("test_implement", "coding", "edits", _EDITS, "execute_code"),
        ("documentation", "reasoning", "edits", _EDITS, ""),
        ("change_point_enum", "reasoning", "json", _PLAN, "meta_plan"),
        ("part_grouping", "reasoning", "json", _PLAN, "meta_plan"),
        ("part_grouping_binary", "reasoning", "binary", _BINARY, "meta_plan"),
        ("part_dependency", "reasoning", "binary", _BINARY, "meta_plan"),
        ("symbol_targeting", "reasoning", "json", _PLAN, "step_plan"),
        ("step_design", "reasoning", "json", _PLAN, "step_plan"),
        ("step_dependency", "reasoning", "binary", _BINARY, "step_plan"),
    )
    return (
        *retrieval,
        *(
            CallKind(
                name=name,
                source=f"{_PROMPTS}[{name}]",
                role=role,
                form=form,
                cap=cap,
                stage=stage,
            )
            for name, role, form, cap, stage in executed
        ),
        CallKind(
            name="enrichment",
            source="clean_room_agent.llm.enrichment:ENRICHMENT_SYSTEM",
            role="reasoning",
            form="json",
            cap=_LIST,
        ),
    )


CALL_KINDS = {row.name: row for row in _rows()}
"""Every model job of the agent but those for C code, by name."""


def read_verdict(text: str) -> bool | None:
    """Yes or no, as the agent reads it; None where it could not tell and would take no.

    It takes the bare word, or a JSON object with ``verdict`` or ``keep``; a full stop, a quote or
    a reason behind the word is too much.
    """
    answer = text.strip().lower()
    if answer in {"yes", "no"}:
        return answer == "yes"
    if answer.startswith(_FENCE):
        answer = answer.partition("\n")[2].removesuffix(_FENCE)
    try:
        found = json.loads(answer)
    except (ValueError, RecursionError):
        return None
    if not isinstance(found, dict):
        return None
    if "verdict" in found:
        return found["verdict"] in ("relevant", "yes", True)
    return bool(found["keep"]) if "keep" in found else None
