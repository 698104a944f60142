"""Plans: read from an answer, checked, and put in an order that their edges allow."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Item:
    """A part or a step."""

    id: str
    description: str
    files: tuple[str, ...]
    symbols: tuple[str, ...]
    after: tuple[str, ...]


def read_json(answer: str) -> Any:  # noqa: ANN401  # whatever the model says
    """The JSON of an answer, a fence around it taken off.

    Raises:
        ValueError: It is none.
    """
    text = answer.strip()
    if text.startswith("```"):
        text = text.partition("\n")[2].rstrip().removesuffix("```")
    return json.loads(text)


def read_plan(answer: str, items: str, files: str, *, empty: bool = False) -> list[Item]:
    """Items of a plan in a possible order.

    Args:
        answer: Of the model.
        items: Key of the list, such as ``parts``.
        files: Key of an item's files, such as ``target_files``.
        empty: Whether there may be none.

    Raises:
        ValueError: No plan: not JSON, of another shape, without items, ids that repeat, are
            unknown or form a circle.
    """
    told = read_json(answer)
    entries = told.get(items) if isinstance(told, dict) else None
    if not isinstance(entries, list) or not (entries or empty):
        raise ValueError(f"the plan has no {items}")
    return in_order([_item(entry, files) for entry in entries])


def _item(entry: object, files: str) -> Item:
    if not isinstance(entry, dict) or not entry.get("id") or not entry.get("description"):
        raise ValueError(f"an item without id or description: {entry!r}")
    lists = [tuple(map(str, entry.get(name) or ())) for name in (files, "target_symbols")]
    after = tuple(map(str, entry.get("depends_on") or ()))
    return Item(str(entry["id"]), str(entry["description"]), lists[0], lists[1], after)


def in_order(items: list[Item]) -> list[Item]:
    """Items behind those that they depend on, else as they came.

    Raises:
        ValueError: Ids repeat, are unknown or form a circle.
    """
    left = {item.id: item for item in items}
    if len(left) < len(items) or any(set(item.after) - set(left) for item in items):
        raise ValueError("ids of the plan repeat or are unknown")
    done: list[Item] = []
    while left:
        free = next((item for item in left.values() if not set(item.after) & set(left)), None)
        if free is None:
            raise ValueError(f"items depend on each other in a circle: {sorted(left)}")
        done.append(left.pop(free.id))
    return done
