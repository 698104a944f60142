"""The plan as a page for people."""

from __future__ import annotations

from collections.abc import Iterable
from importlib.resources import files

import jinja2

from cra_pipeline.contracts.plans import CallCost, Decision, TrainingPlan
from cra_pipeline.logs.plan import in_words

_TITLES: dict[Decision, str] = {
    "train": "train",
    "too_little_data": "not yet",
    "measure_more": "measure first",
    "good_enough": "leave as it is",
}


def report(plan: TrainingPlan, costs: Iterable[CallCost], *, confidence: float) -> str:
    """Markdown; every number in it stands in the plan or in its costs.

    Args:
        plan: To be told.
        costs: Times of the same calls.
        confidence: Of the plan's intervals.
    """
    environment = jinja2.Environment(
        undefined=jinja2.StrictUndefined,
        autoescape=False,  # noqa: S701  # Markdown; names in it are slugs and our own words
        trim_blocks=False,
        keep_trailing_newline=True,
    )
    text = (files("cra_pipeline.logs") / "report.md.j2").read_text(encoding="utf-8")
    times = {cost.call_kind: round(cost.latency_ms / cost.calls) for cost in costs if cost.calls}
    return environment.from_string(text).render(
        plan=plan,
        titles=_TITLES,
        words=in_words,
        confidence=f"{100 * confidence:g}",
        measured=[item for item in plan.call_kinds if item.model_calls],
        unmeasured=[item for item in plan.call_kinds if not item.model_calls],
        ms=dict.fromkeys((item.call_kind for item in plan.call_kinds), "-") | times,
    )
