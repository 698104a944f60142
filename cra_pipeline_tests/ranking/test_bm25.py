"""BM25 as it is written in the books."""

from __future__ import annotations

import math

import pytest

from cra_pipeline.ranking.bm25 import K1, B, bm25, rarest
from cra_pipeline.ranking.sources import source_file

FILES = [
    source_file("a.py", "parser parser line"),
    source_file("b.py", "line"),
    source_file("c.py", "other words here and there"),
]


def test_a_score_is_that_of_the_formula() -> None:
    mean = sum(file.length for file in FILES) / 3
    weight = math.log(1 + (3 - 1 + 0.5) / (1 + 0.5))
    norm = K1 * (1 - B + B * FILES[0].length / mean)

    assert bm25(FILES, ["parser"]) == pytest.approx([weight * 2 * (K1 + 1) / (2 + norm), 0, 0])


def test_an_unknown_word_changes_nothing() -> None:
    assert bm25(FILES, ["line", "absent"]) == bm25(FILES, ["line"])


def test_no_files_and_empty_files_are_no_fault() -> None:
    assert bm25([], ["line"]) == []
    assert bm25([source_file("-.py", "")], ["line"]) == [0.0]


def test_the_rarest_words_come_first_and_unknown_ones_not_at_all() -> None:
    assert rarest(FILES, ["line", "absent", "parser"]) == ("parser", "line")
