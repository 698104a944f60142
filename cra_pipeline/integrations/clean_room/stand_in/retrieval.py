"""One retrieval pass: from a task, part or step text to the context that its prompt shows."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from .context import Context, assembled
from .knowledge import Knowledge, Symbol
from .model import Model
from .schema import insert, now, update
from .settings import Settings

_WORD = re.compile(r"[A-Za-z_]\w{2,}")
_STAGES = {
    "scope": "finds the files that the task is about",
    "precision": "finds the symbols in them",
    "similarity": "finds functions that are to be changed alike",
}
_KEYWORDS = 5
_PAIRS = 50
_DOC = 100


@dataclass(frozen=True)
class World:
    """What every pass works with."""

    repo: Path
    settings: Settings
    knowledge: Knowledge
    model: Model
    raw: sqlite3.Connection


@dataclass(frozen=True)
class Retrieved:
    """A pass: its row in ``task_runs`` and what was found."""

    run: int
    task_id: str
    context: Context


def retrieve(
    world: World, task_id: str, text: str, mode: str, wanted: Iterable[str] = ()
) -> Retrieved:
    """Run one pass; its calls are in the database afterwards.

    Raises:
        ValueError: A prompt does not fit, or a refilter names no file.
        RuntimeError: The model server refused.
    """
    settings = world.settings
    run = insert(
        world.raw,
        "task_runs",
        task_id=task_id,
        repo_path=str(world.repo),
        mode=mode,
        execute_model=settings.models["coding" if mode == "implement" else "reasoning"],
        context_window=settings.window,
        reserved_tokens=settings.reserved,
        stages=",".join(settings.stages),
        timestamp=now(),
    )
    update(world.raw, "task_runs", run, success=0)
    context = _Pass(world, task_id, text).found(wanted)
    world.model.flush(world.raw, task_id)
    update(world.raw, "task_runs", run, success=1, total_tokens=len(context.text) // 4)
    return Retrieved(run, task_id, context)


class _Pass:
    def __init__(self, world: World, task_id: str, text: str) -> None:
        self._world = world
        self._known = world.knowledge
        self._task_id = task_id
        self._text = text
        self._intent = ""

    def found(self, wanted: Iterable[str]) -> Context:
        named = self._named()
        self._intent = self._analysed(named)
        tiers = dict.fromkeys((path for path in wanted if path in self._known.files), 0)
        tiers |= {path: 1 for path in named if path not in tiers}
        stages = [stage for stage in self._world.settings.stages if self._routed(stage, len(tiers))]
        if "scope" in stages:
            tiers |= self._scope(tiers)
        levels = self._precision(tiers) if "precision" in stages else {}
        if "similarity" in stages:
            self._similarity(levels)
        return assembled(self._world, self._text, self._intent, tiers, levels)

    def _ask(self, kind: str, rest: str) -> bool:
        text = f"{self._known.environment}\n\nTask: {self._text}\nIntent: {self._intent}\n\n{rest}"
        return self._world.model.verdict(kind, text)

    def _named(self) -> list[str]:
        """Files that the text names, or that define a name in it."""
        words = set(_WORD.findall(self._text))
        return [
            path
            for path in self._known.files
            if re.search(rf"(?<![\w./-]){re.escape(path)}(?![\w/-])", self._text)
            or any(symbol.name in words for symbol in self._known.symbols[path])
        ]

    def _keywords(self) -> list[str]:
        words = {word.lower() for word in _WORD.findall(self._text)}
        return sorted(words, key=lambda word: (-len(word), word))[:_KEYWORDS]

    def _analysed(self, named: list[str]) -> str:
        tree = "\n".join(path.rpartition("/")[2] for path in self._known.files)
        prompt = (
            f"{self._known.environment}\n\nTask: {self._text}\n\n"
            f"Extracted files: {named}\nKeywords: {self._keywords()}\n\n"
            f"<repo_structure>\n{tree}\n</repo_structure>"
        )
        return self._world.model.ask("task_analysis", prompt).strip()

    def _routed(self, stage: str, seeds: int) -> bool:
        prompt = (
            f"{self._known.environment}\n\nTask: {self._intent}\nType: change\n"
            f"Seed files: {seeds}\n\nStage: {stage}\nDescription: {_STAGES[stage]}"
        )
        return self._world.model.verdict("stage_routing", prompt)

    def _scope(self, tiers: dict[str, int]) -> dict[str, int]:
        """Files beside those that are in anyway."""
        found = {}
        for path, tier in self._candidates(tiers):
            lines = [f"File: {path} (language=python, tier={tier})"]
            if path in self._known.metadata:
                purpose, domain, concepts = self._known.metadata[path]
                lines.append(f"purpose={purpose}, domain={domain}, concepts={concepts}")
            included = self._ask("scope", "\n".join(lines))
            self._decide("scope", path, included=included, tier=str(tier))
            if included:
                found[path] = tier
        return found

    def _candidates(self, tiers: dict[str, int]) -> list[tuple[str, int]]:
        """Neighbours, then described files that a keyword fits, then any, up to the cap."""
        near = {path for seed in tiers for path in self._known.neighbours[seed]}
        words = self._keywords()
        ranks = {}
        for path in self._known.files:
            concepts = self._known.metadata.get(path, ("", "", ""))[2].lower()
            fits = any(word in concepts for word in words)
            ranks[path] = 2 if path in near else 4 if fits else 5
        ordered = sorted(ranks, key=lambda path: (ranks[path], path))
        fresh = [(path, ranks[path]) for path in ordered if path not in tiers]
        return fresh[: self._world.settings.most_files]

    def _precision(self, tiers: dict[str, int]) -> dict[Symbol, str]:
        levels: dict[Symbol, str] = {}
        for path in sorted(tiers, key=lambda path: (tiers[path], path)):
            for symbol in self._known.symbols[path]:
                level = self._level(symbol)
                self._decide(
                    "precision",
                    path,
                    included=bool(level),
                    symbol_id=symbol.id,
                    detail_level=level or None,
                )
                if level:
                    levels[symbol] = level
        return levels

    def _level(self, symbol: Symbol) -> str:
        doc = f"\ndoc: {symbol.docstring[:_DOC]}" if symbol.docstring else ""
        question = (
            f"Symbol: {symbol.name} ({symbol.kind}) in {symbol.path}:{symbol.start}-{symbol.stop}"
            f"\n[]\nsig: {symbol.signature}{doc}"
        )
        if not self._ask("precision_pass1", question):
            return ""
        if self._ask("precision_pass2", question):
            return "primary"
        return "supporting" if self._ask("precision_pass3", question) else "type_context"

    def _similarity(self, levels: dict[Symbol, str]) -> None:
        """Functions that are changed alike are shown alike."""
        chosen = [item for item in levels if item.kind in {"function", "method"}]
        pairs = [(a, b) for at, a in enumerate(chosen) for b in chosen[at + 1 :]]
        for first, second in pairs[:_PAIRS]:
            sides = zip("AB", (first, second), strict=True)
            told = [
                f"Function {side}: {item.name} ({item.kind}, {item.stop - item.start + 1} lines)\n"
                for side, item in sides
            ]
            if self._ask("similarity", f"{''.join(told)}Signals: none"):
                levels[first] = levels[second] = min(levels[first], levels[second])

    def _decide(self, stage: str, path: str, *, included: bool, **more: object) -> None:
        insert(
            self._world.raw,
            "retrieval_decisions",
            task_id=self._task_id,
            stage=stage,
            file_id=self._known.files[path],
            included=int(included),
            reason="asked",
            timestamp=now(),
            **more,
        )
