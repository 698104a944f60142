"""Whether a planning answer is a plan that the agent takes. Pure.

The agent's own rules (a summary, a rationale, at least one item; ids that are unique, known to each
other and free of circles), of the three plans that a base must be able to write.
"""

from __future__ import annotations

import graphlib
import json
from collections.abc import Mapping
from typing import Any

PLANS: Mapping[str, tuple[str, str]] = {
    "meta_plan": ("meta_plan", "parts"),
    "part_plan": ("step_plan", "steps"),
    "test_plan": ("test_plan", "steps"),
}
"""Call kind → type of plan, and the list that it may not lack."""
PLAN_TYPES = tuple(sorted(kind for kind, _ in PLANS.values()))
_FENCE = "```"


def is_valid_plan(call_kind: str, response: str) -> bool:
    """Whether the agent would take an answer to one of ``PLANS``.

    Raises:
        KeyError: The call kind asks for no plan.
    """
    _, listing = PLANS[call_kind]
    try:
        plan = json.loads(_unfenced(response))
    except (ValueError, RecursionError):
        return False
    if not isinstance(plan, dict) or not (plan.get("task_summary") and plan.get("rationale")):
        return False
    items = plan.get(listing)
    if not isinstance(items, list) or not items or not all(_is_item(item) for item in items):
        return False
    return _hangs_together({str(item["id"]): item for item in items}, len(items))


def _unfenced(response: str) -> str:
    text = response.strip()
    if not text.startswith(_FENCE):
        return text
    lines = text.split("\n")[1:]
    return "\n".join(lines[:-1] if lines and lines[-1].strip() == _FENCE else lines)


def _is_item(item: object) -> bool:
    if not isinstance(item, dict) or not (item.get("id") and item.get("description")):
        return False
    return isinstance(item.get("depends_on", []), list)


def _hangs_together(items: Mapping[str, Mapping[str, Any]], count: int) -> bool:
    needs = {name: {str(other) for other in item.get("depends_on", [])} for name, item in
             items.items()}  # fmt: skip
    if len(items) != count or not all(needed <= items.keys() for needed in needs.values()):
        return False
    try:
        graphlib.TopologicalSorter(needs).prepare()
    except graphlib.CycleError:
        return False
    return True
