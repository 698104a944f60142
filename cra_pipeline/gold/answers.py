"""Planning answers of whoever gave them, read as far as they can be.

The agent is stricter; whether it would take an answer is no question here.
"""

from __future__ import annotations

import json

Entry = dict[str, object]


def entries_in(response: str, name: str) -> list[Entry]:
    """Objects of a list in a plan; none where the answer is no plan, which the agent refuses."""
    try:
        plan = json.loads(_unfenced(response))
    except (ValueError, RecursionError):
        return []
    found = plan.get(name) if isinstance(plan, dict) else None
    return [entry for entry in found if isinstance(entry, dict)] if isinstance(found, list) else []


def _unfenced(response: str) -> str:
    text = response.strip()
    if not text.startswith("```"):
        return text
    return text.partition("\n")[2].rstrip().removesuffix("```")


def text_in(entry: Entry, name: str) -> str:
    """A text of an entry; empty where there is none."""
    value = entry.get(name)
    return value if isinstance(value, str) else ""


def paths_in(entry: Entry, name: str) -> list[str]:
    """Texts of a list of an entry; none where there is no list."""
    value = entry.get(name)
    return [item for item in value if isinstance(item, str)] if isinstance(value, list) else []


_FILES = {
    "meta_plan": ("parts", "affected_files"),
    "part_grouping": ("parts", "affected_files"),
    "part_plan": ("steps", "target_files"),
    "step_design": ("steps", "target_files"),
    "test_plan": ("steps", "target_files"),
    "adjustment": ("revised_steps", "target_files"),
    "change_point_enum": ("change_points", "file_path"),
    "symbol_targeting": ("targets", "file_path"),
}
"""Where the answers of a call kind name files: the list, and the field of its entries."""


def files_in(call_kind: str, response: str) -> tuple[str, ...]:
    """Files that a planning answer sends the agent to, each once; none of other kinds of call."""
    listing, field = _FILES.get(call_kind, ("", ""))
    found = (
        path
        for entry in (entries_in(response, listing) if listing else ())
        for path in (text_in(entry, field), *paths_in(entry, field))
    )
    return tuple(dict.fromkeys(path for path in found if path))
