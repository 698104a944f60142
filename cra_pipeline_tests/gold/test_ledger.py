"""Texts of passes and the files that they stand for."""

from __future__ import annotations

from cra_pipeline.gold.change import GoldChange
from cra_pipeline.gold.ledger import Ledger
from cra_pipeline_tests.gold.books import book

_BEFORE = {
    "p/a.py": "A = 1\n",
    "p/b.py": "B = 1\n",
    "tests/test_a.py": "import p.a\n",
    "tests/test_b.py": "import p.b\n",
}
_CHANGE = GoldChange(book(_BEFORE, {path: f"{text}x = 1\n" for path, text in _BEFORE.items()}))
_ALL = ("p/a.py", "p/b.py", "tests/test_a.py", "tests/test_b.py")


def _ledger() -> Ledger:
    return Ledger("The task", _CHANGE)


def test_the_task_stands_for_everything() -> None:
    assert _ledger().files("The task") == _ALL


def test_a_part_covers_the_tests_of_its_code_however_it_is_worded() -> None:
    ledger = _ledger()
    ledger.note_part("one", "Do the first thing", ["p/a.py", "unknown.py"])
    ledger.note_part("two", "Do it in p/b.py, please.", [])

    assert ledger.files("Do the first thing") == ("p/a.py", "tests/test_a.py")
    assert ledger.files("Do it in p/b.py, please.") == ("p/b.py", "tests/test_b.py")
    assert ledger.files("Plan tests for part one: Do the first thing") == (
        "tests/test_a.py",
        "p/a.py",
    )
    assert ledger.files("Remaining steps after s1 in part two") == ("p/b.py", "tests/test_b.py")


def test_a_part_that_the_agent_words_itself_is_known_by_its_paths() -> None:
    text = "Plan tests for part p1: Modify x in p/a.py"

    assert _ledger().files(text) == ("tests/test_a.py", "p/a.py")


def test_a_step_that_repeats_its_part_wins() -> None:
    ledger = _ledger()
    ledger.note_part("p1", "Same words", list(_ALL))
    ledger.note_steps([("s1", "Same words", ["p/b.py"])])

    assert ledger.files("Same words") == ("p/b.py",)


def test_an_unknown_text_is_known_by_its_paths_or_stands_for_everything() -> None:
    assert _ledger().files("Change p/b.py and tests/test_b.py") == ("p/b.py", "tests/test_b.py")
    assert _ledger().files("Change xp/b.py or p/b.pyx") == _ALL


def test_later_steps_of_the_latest_plan_are_known() -> None:
    ledger = _ledger()
    ledger.note_steps([("s1", "one", ["p/a.py"]), ("s2", "two", ["p/a.py", "p/b.py"])])

    assert ledger.later("s1", "one") == {"p/a.py", "p/b.py"}
    assert ledger.later("s2", "two") == frozenset()
    assert ledger.later("s9", "none") == frozenset()
