"""Which commits are a verdict on the code before them."""

from __future__ import annotations

import pytest

from cra_pipeline.contracts.cold_start import PublishedRow
from cra_pipeline.contracts.datasets import DpoExample
from cra_pipeline.datasets.cold_start.favor import FavorPolicy, favored
from cra_pipeline.datasets.cold_start.wanted import Dropped, Wanted

ROW = PublishedRow(dataset="commitpackft", licence="mit", row="a.jsonl:1", texts={})
ANY = FavorPolicy(fail_fast_only=False)
BROAD = "def f(x):\n    try:\n        return int(x)\n    except Exception:\n        return 0\n"
NAMED = BROAD.replace("Exception", "ValueError")


def pair(before: str, after: str, policy: FavorPolicy | None = None) -> DpoExample | Dropped:
    wanted = Wanted(task="Mend it", path="a.py", before=before, after=after)
    return favored(ROW, wanted, "system", policy or FavorPolicy())


def test_a_named_error_beats_a_caught_all() -> None:
    found = pair(BROAD, NAMED)

    assert isinstance(found, DpoExample)
    assert "except ValueError" in found.chosen[0].content
    assert "except Exception" in found.rejected[0].content
    assert "except" not in found.prompt[1].content


def test_the_way_back_is_no_verdict() -> None:
    assert pair(NAMED, BROAD) == Dropped("pair_without_verdict")


def test_a_change_of_something_else_is_no_verdict_unless_all_are_wanted() -> None:
    before, after = "def f():\n    return 1\n", "def f():\n    return 2\n"

    assert pair(before, after) == Dropped("pair_without_verdict")
    assert isinstance(pair(before, after, ANY), DpoExample)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("x = 1\n", "x = 2\n"),
        ("def f(a):\n    return a\n", "def f(b):\n    return b\n"),
        (
            "def f():\n    return 1\ndef g():\n    return 1\n",
            "def f():\n    return 2\ndef g():\n    return 2\n",
        ),
        ("def f(): return 1\n", "def f(): return 2\n"),
    ],
)
def test_a_change_outside_of_one_body_gives_no_pair(before: str, after: str) -> None:
    assert pair(before, after, ANY) == Dropped("pair_not_one_body")


def test_the_innermost_body_is_taken_out_and_its_docstring_stays() -> None:
    before = 'class A:\n    def f(self):\n        """Say it."""\n        return 1\n    x = 1\n'

    found = pair(before, before.replace("return 1", "return 2"), ANY)

    assert isinstance(found, DpoExample)
    shown = before.replace("return 1", "raise NotImplementedError")
    assert shown in found.prompt[1].content
    assert "Target symbols: f\n" in found.prompt[1].content
