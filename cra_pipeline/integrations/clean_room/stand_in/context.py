"""What a prompt shows of the code: whole files, excerpts or signatures, within the budget."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

from .knowledge import Symbol, text_of

if TYPE_CHECKING:
    from .retrieval import World

_ORDER = ("primary", "supporting", "type_context")
_SHARE = 0.9
_PER_TOKEN = 4


@dataclass(frozen=True)
class Context:
    """The beginning of an execute prompt, and the paths that it shows."""

    text: str
    paths: tuple[str, ...]


def assembled(
    world: World, task: str, intent: str, tiers: dict[str, int], levels: dict[Symbol, str]
) -> Context:
    """Render what was found; over budget, the model is asked which files to keep.

    Raises:
        ValueError: It named no file.
    """
    details = _details(levels)
    ordered = sorted(details, key=lambda path: (_ORDER.index(details[path]), tiers[path], path))
    sections = {path: _section(world, path, details[path], levels) for path in ordered}
    budget = int(_SHARE * (world.settings.window - world.settings.reserved))
    if sum(map(_tokens, sections.values())) > budget:
        sections = _refiltered(world, task, sections, details, budget)
    head = f"{world.knowledge.environment}\n\n# Task\n{task}\n\n# Intent\n{intent}\n"
    return Context("\n".join([head, *sections.values()]), tuple(sections))


def _details(levels: dict[Symbol, str]) -> dict[str, str]:
    found: dict[str, str] = {}
    for symbol, level in levels.items():
        rank = min(_ORDER.index(level), _ORDER.index(found.get(symbol.path, _ORDER[-1])))
        found[symbol.path] = _ORDER[rank]
    return found


def _section(world: World, path: str, detail: str, levels: dict[Symbol, str]) -> str:
    text = text_of(world.repo, path)
    if detail != "primary":
        lines = text.split("\n")
        shown = [item for item in levels if item.path == path and levels[item] == detail]
        parts = [
            "\n".join(lines[item.start - 1 : item.stop]) if detail == "supporting"
            else item.signature
            for item in shown
        ]  # fmt: skip
        text = "\n...\n".join(parts)
    purpose, domain, _ = world.knowledge.metadata.get(path, ("", "", ""))
    about = f"Purpose: {purpose} | Domain: {domain}\n" if purpose else ""
    return f'## {path} [python] ({detail})\n{about}<code lang="python">\n{text}\n</code>\n'


def _tokens(text: str) -> int:
    return len(text) // _PER_TOKEN


def _refiltered(
    world: World, task: str, sections: dict[str, str], details: dict[str, str], budget: int
) -> dict[str, str]:
    listed = "\n".join(
        f"- {path} [{details[path]}] ~{_tokens(text)} tokens" for path, text in sections.items()
    )
    prompt = (
        f"{world.knowledge.environment}\n\nTask: {task}\nBudget: {budget} tokens available\n\n"
        f"Files:\n{listed}\n\nWhich of them are worth it?"
    )
    told = json.loads(world.model.ask("assembly_refilter", prompt))
    kept: dict[str, str] = {}
    for path in [path for path in told if path in sections]:
        if sum(map(_tokens, kept.values())) + _tokens(sections[path]) <= budget:
            kept[path] = sections[path]
    if not kept:
        raise ValueError(f"the refilter named none of {sorted(sections)}")
    return {path: text for path, text in sections.items() if path in kept}
