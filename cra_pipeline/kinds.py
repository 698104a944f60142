"""The agent's model jobs, one row each.

A call kind is told from a request by equality of its system prompt with the text that the agent
as installed holds at ``source``; the texts themselves are never kept here.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cache
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


@dataclass(frozen=True, slots=True, kw_only=True)
class AdapterKind:
    """One kind of adapter that is trained, gated and served.

    Attributes:
        name: Key of ``ADAPTER_KINDS``.
        base: Default base model; a parameter everywhere.
        technique: ``sft``, ``sft_dpo`` (then DPO on top) or ``dpo``.
        rank: Of the LoRA matrices; ``alpha`` is twice that.
        window: Most tokens of prompt and completion together.
        metric: What its gate measures on the holdout.
        threshold: Least value of the metric, in [0, 1]; 0 where it is held against base and
            incumbent alone.
        stages: Values of ``CallKind.stage`` that train it.
    """

    name: str
    base: str
    technique: Literal["sft", "sft_dpo", "dpo"]
    rank: int
    window: int
    metric: str
    threshold: float
    stages: tuple[str, ...]


PLANNING_STAGES = ("meta_plan", "step_plan", "test_plan")
"""Plans of the base fine-tune; preference pairs of them train ``planning_dpo``."""
_REASONER, _CODER = "Qwen/Qwen3-4B", "Qwen/Qwen2.5-Coder-3B-Instruct"


def _adapter_rows() -> tuple[AdapterKind, ...]:
    return (
        AdapterKind(
            name="scope",
            base=_REASONER,
            technique="sft",
            rank=16,
            window=32768,
            metric="relevant_recall",
            threshold=0.85,
            stages=("scope",),
        ),
        AdapterKind(
            name="execute_code",
            base=_CODER,
            technique="sft_dpo",
            rank=32,
            window=32768,
            metric="pass_at_1",
            threshold=0.0,
            stages=("execute_code",),
        ),
        AdapterKind(
            name="precision",
            base=_REASONER,
            technique="sft",
            rank=16,
            window=32768,
            metric="primary_recall",
            threshold=0.8,
            stages=("precision",),
        ),
        AdapterKind(
            name="task_analysis",
            base=_REASONER,
            technique="sft",
            rank=16,
            window=8192,
            metric="file_recall",
            threshold=0.8,
            stages=("task_analysis",),
        ),
        AdapterKind(
            name="planning_dpo",
            base=_REASONER,
            technique="dpo",
            rank=16,
            window=32768,
            metric="plan_success",
            threshold=0.0,
            stages=PLANNING_STAGES,
        ),
    )


ADAPTER_KINDS = {row.name: row for row in _adapter_rows()}
"""Every kind of adapter, by name."""


@cache
def adapter_kind_of(call_kind: str) -> str:
    """The adapter kind that calls of a kind train; empty for auxiliary calls.

    Raises:
        KeyError: No such call kind.
    """
    stage = CALL_KINDS[call_kind].stage
    return next((row.name for row in ADAPTER_KINDS.values() if stage in row.stages), "")
