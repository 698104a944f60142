"""Which files each task, part and step text stands for, whoever worded it.

The agent tells its passes apart by their text alone, so the texts of every plan are noted when
it is answered. Later notes win: a step may repeat its part's words, and comes after it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from cra_pipeline.gold.change import GoldChange
from cra_pipeline.gold.prompts import mentions

_TESTS = re.compile(r"Plan tests for part (?P<part>.*?): (?P<text>.*)", re.DOTALL)
_REST = re.compile(r"Remaining steps after .* in part (?P<part>.*)", re.DOTALL)


class Ledger:
    """Notes of one attempt."""

    def __init__(self, statement: str, change: GoldChange) -> None:
        self._change = change
        self._texts: dict[str, tuple[str, ...]] = {statement: change.order}
        self._parts: dict[str, tuple[str, ...]] = {}
        self._steps: list[tuple[str, str, tuple[str, ...]]] = []

    def note_part(self, number: str, text: str, paths: Iterable[str]) -> None:
        """Remember a part; it covers the tests of the parts whose code it names."""
        self._texts[text] = self._parts[number] = self._with_tests([*paths, text])

    def note_steps(self, steps: Iterable[tuple[str, str, Sequence[str]]]) -> None:
        """Remember the steps of a plan by id, text and files; steps with one text share it."""
        noted = [
            (number, text, self._change.sorted(paths) or self._named([text]))
            for number, text, paths in steps
        ]
        self._steps = noted or self._steps
        self._texts |= {text: paths for _, text, paths in noted}

    def later(self, number: str, text: str) -> frozenset[str]:
        """Files that steps after this one edit too, in the plan answered last."""
        places = [at for at, step in enumerate(self._steps) if step[:2] == (number, text)]
        after = self._steps[places[0] + 1 :] if places else []
        return frozenset(path for _, _, paths in after for path in paths)

    def files(self, text: str) -> tuple[str, ...]:
        """Changed files that the pass with this text is about, the most wanted first."""
        if text in self._texts:
            return self._texts[text]
        if found := _TESTS.fullmatch(text):
            part = self._texts.get(found["text"]) or self._with_tests([text])
            return self._tests_first(part)
        if found := _REST.fullmatch(text):
            return self._parts.get(found["part"], self._change.order)
        return self._named([text]) or self._change.order

    def _with_tests(self, texts: Iterable[str]) -> tuple[str, ...]:
        """Files that the texts name, with the tests of their parts; if they name none, all."""
        named = set(self._named(texts))
        parts = (part for part in self._change.parts if named.intersection(part))
        tests = {path for part in parts for path in part if path in self._change.tests}
        return self._change.sorted(named | tests) or self._change.order

    def _tests_first(self, paths: tuple[str, ...]) -> tuple[str, ...]:
        tests = tuple(path for path in paths if path in self._change.tests)
        return (*tests, *(path for path in paths if path not in tests))

    def _named(self, texts: Iterable[str]) -> tuple[str, ...]:
        """Changed files whose path stands in one of the texts."""
        joined = "\n".join(texts)
        return self._change.sorted(path for path in self._change.order if mentions(joined, path))
