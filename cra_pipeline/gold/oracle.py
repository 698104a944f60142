"""The right answer to every call of the agent, from the commit's own diff.

It follows the run: what was answered is observed, so that the text of every file is known
without a look at the agent's worktree, and answers of others can be judged by replaying them.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping

from cra_pipeline.gold.allocation import Allocation, allocate
from cra_pipeline.gold.answers import entries_in, paths_in, text_in
from cra_pipeline.gold.book import GoldBook
from cra_pipeline.gold.change import GoldChange
from cra_pipeline.gold.edits import Edit, written
from cra_pipeline.gold.judging import Level, alike, kept, level
from cra_pipeline.gold.ledger import Ledger
from cra_pipeline.gold.plans import NO_TESTS, Planner
from cra_pipeline.gold.prompts import (
    analysed,
    asked_files,
    asked_functions,
    asked_pair,
    asked_path,
    asked_points,
    asked_step,
    asked_symbol,
    shown_code,
    task_text,
)
from cra_pipeline.gold.searching import edits_between, partly
from cra_pipeline.gold.wording import intent
from cra_pipeline.gold.worktree import Worktree

NO_CHANGE = "The documentation of this file is right as it stands."
"""Answer to a documentation call: no edit, for the steps brought the commit's own words."""


class GoldOracle:
    """Answers the calls of one attempt; not for several threads at once."""

    def __init__(self, book: GoldBook) -> None:
        self._book = book
        self._change = GoldChange(book)
        if not self._change.files:
            raise ValueError("the book holds no changed file: nothing can be answered")
        self._planner = Planner(book.subject, self._change)
        self._ledger = Ledger(book.statement, self._change)
        self._worktree = Worktree(book.before)
        self._allocated: tuple[object, Allocation] | None = None
        self._answers: dict[str, Callable[[str], str]] = {
            "task_analysis": lambda prompt: intent(task_text(prompt)),
            "stage_routing": lambda _: "yes",
            "scope": self._scope,
            "precision_pass1": lambda prompt: _binary(self._level(prompt) is not Level.EXCLUDED),
            "precision_pass2": lambda prompt: _binary(self._level(prompt) is Level.PRIMARY),
            "precision_pass3": lambda prompt: _binary(self._level(prompt) is Level.SUPPORTING),
            "similarity": lambda prompt: _binary(alike(self._change, *asked_functions(prompt))),
            "assembly_refilter": self._refilter,
            "meta_plan": lambda _: self._planner.meta_plan(),
            "part_plan": lambda prompt: self._planner.part_plan(self._left(prompt), edges=True),
            "step_design": lambda prompt: self._planner.part_plan(self._left(prompt), edges=False),
            "symbol_targeting": lambda prompt: self._planner.targets(self._left(prompt)),
            "test_plan": self._test_plan,
            "adjustment": lambda _: self._planner.adjustment(),
            "implement": self._edits,
            "test_implement": self._edits,
            "documentation": lambda _: NO_CHANGE,
            "change_point_enum": lambda _: self._planner.change_points(),
            "part_grouping": self._grouping,
            "part_grouping_binary": lambda prompt: _binary(
                self._planner.together(*asked_points(prompt))
            ),
            "part_dependency": lambda prompt: self._depends(prompt, "Part"),
            "step_dependency": lambda prompt: self._depends(prompt, "Step"),
        }

    def answer(self, call_kind: str, prompt: str) -> str:
        """The right answer in the agent's own format; equal calls get equal answers.

        Raises:
            ValueError: The commit knows none; the message says why.
        """
        find = self._answers.get(call_kind)
        if find is None:
            raise ValueError(f"{call_kind!r}: the commit knows no answer to this kind of call")
        return find(prompt)

    def observe(self, call_kind: str, prompt: str, response: str) -> None:
        """Take note of what was really answered; a repeated call replaces the earlier note."""
        if call_kind in {"meta_plan", "part_grouping"}:
            self._note_parts(response)
        elif call_kind in {"part_plan", "step_design", "test_plan", "adjustment"}:
            self._note_steps(response)
        elif call_kind in {"implement", "test_implement", "documentation"}:
            self._worktree.edit(call_kind, prompt, response)

    def _note_parts(self, response: str) -> None:
        for entry in entries_in(response, "parts"):
            self._ledger.note_part(
                text_in(entry, "id"),
                text_in(entry, "description"),
                paths_in(entry, "affected_files"),
            )

    def _note_steps(self, response: str) -> None:
        steps = [*entries_in(response, "steps"), *entries_in(response, "revised_steps")]
        self._ledger.note_steps(
            (text_in(entry, "id"), text_in(entry, "description"), paths_in(entry, "target_files"))
            for entry in steps
        )

    def _allocation(self, prompt: str) -> Allocation:
        text = task_text(prompt)
        files = self._ledger.files(text)
        texts = self._worktree.texts(prompt)
        # A pass asks hundreds of questions; what its answers hang on rarely changes between them.
        key = (text, files, tuple(texts[path] for path in files))
        if self._allocated is None or self._allocated[0] != key:
            self._allocated = (key, self._allocate(text, files, texts))
        return self._allocated[1]

    def _allocate(self, text: str, files: tuple[str, ...], texts: Mapping[str, str]) -> Allocation:
        budget = self._book.budget
        # The text itself and its summary take their share, in an edit prompt twice.
        told = 2 * (len(text) + len(intent(text)))
        room, ceiling = max(0, budget.characters - told), max(0, budget.ceiling - told)
        return allocate(self._change, files, texts, room=room, ceiling=ceiling)

    def _scope(self, prompt: str) -> str:
        return _binary(asked_path(prompt) in self._allocation(prompt).showing)

    def _level(self, prompt: str) -> Level:
        return level(self._change, self._allocation(prompt), asked_symbol(prompt))

    def _refilter(self, prompt: str) -> str:
        wanted = self._ledger.files(task_text(prompt))
        return json.dumps(kept(wanted, self._change, asked_files(prompt)), ensure_ascii=False)

    def _left(self, prompt: str) -> tuple[str, ...]:
        """Code of the prompt's part that is not yet as the commit leaves it."""
        files = self._unfinished(prompt, self._change.code)
        if not files:
            raise ValueError("the code of this part is already as the commit leaves it")
        return files

    def _unfinished(self, prompt: str, among: tuple[str, ...]) -> tuple[str, ...]:
        texts = self._worktree.texts(prompt)
        wanted = self._ledger.files(task_text(prompt))
        return tuple(
            path for path in wanted if path in among and texts[path] != self._book.after[path]
        )

    def _test_plan(self, prompt: str) -> str:
        files = self._unfinished(prompt, self._change.tests)
        return self._planner.test_plan(files) if files else NO_TESTS

    def _edits(self, prompt: str) -> str:
        asked = asked_step(prompt)
        paths = self._change.sorted(asked.targets)
        if not asked.targets:
            paths = self._ledger.files(asked.text)
        texts = self._worktree.texts(prompt)
        later = self._ledger.later(asked.number, asked.text)
        shown = shown_code(asked.before)
        edits: list[Edit] = []
        for path in paths:
            wanted = self._book.after[path]
            if path in later:
                wanted = partly(texts[path], wanted, asked.symbols)
            edits += edits_between(path, texts[path], wanted, shown.get(path, ""))
        if not edits:
            raise ValueError(f"step {asked.number!r}: the commit changes nothing more of {paths}")
        return written(edits)

    def _grouping(self, prompt: str) -> str:
        return self._planner.grouping(text_in(entry, "file_path") for entry in analysed(prompt))

    def _depends(self, prompt: str, label: str) -> str:
        earlier, later = (self._ledger.files(side) for side in asked_pair(prompt, label))
        return _binary(self._change.depends(later, earlier))


def _binary(verdict: bool) -> str:  # noqa: FBT001  # the one thing that it says
    return "yes" if verdict else "no"
