"""On which side of the line a commit lies: records and git decide, a single date does not."""

from __future__ import annotations

import pytest

from cra_pipeline.contracts.rounds import RoundRecord
from cra_pipeline.datasets.line import Line, Reach, beyond

HISTORY = {
    "backdated": (15, ("late",)),
    "late": (40, ("second",)),
    "second": (20, ("first",)),
    "first": (10, ()),
}
R01 = RoundRecord(round="r01", cut_off=15, pins=(("elm", "p"), ("oak", "p")), held_out=("oak",))
R02 = RoundRecord(round="r02", cut_off=30, pins=(("elm", "p"), ("oak", "p")), held_out=("oak",))


def line() -> Line:
    reaches = {item.round: Reach(HISTORY, beyond(HISTORY, item.cut_off)) for item in (R01, R02)}
    return Line(
        record=R02,
        rounds=(R01, R02),
        reaches={"elm": reaches},
        kept_out=frozenset({"acorn"}),
        kept_out_changes=frozenset({"picked"}),
    )


@pytest.mark.parametrize(
    ("repo", "sha", "change", "of", "fault"),
    [
        ("elm", "first", "", "r01", ""),
        ("elm", "second", "", "r02", ""),
        ("elm", "second", "", "r01", "after_cut_off"),
        ("elm", "first", "", "r02", "other_round"),
        ("elm", "late", "", "r02", "after_cut_off"),
        ("elm", "backdated", "", "r01", "built_on_later_commit"),
        ("elm", "backdated", "", "r02", "built_on_later_commit"),
        ("elm", "unknown", "", "r01", "not_reached_by_pin"),
        ("elm", "acorn", "", "r01", "held_out_commit"),
        ("elm", "first", "picked", "r01", "held_out_change"),
        ("oak", "first", "", "r01", "held_out_repository"),
        ("fir", "first", "", "r01", "repository_not_in_round"),
        ("elm", "first", "", "r03", "repository_not_in_round"),
    ],
)
def test_a_commit_lies_on_one_side(repo: str, sha: str, change: str, of: str, fault: str) -> None:
    assert line().fault(repo, (sha,), (change,), of) == fault


def test_every_commit_of_a_window_counts() -> None:
    assert line().fault("elm", ("acorn", "first"), (), "r01") == "held_out_commit"


def test_what_was_built_on_a_later_commit_lies_beyond() -> None:
    assert beyond(HISTORY, 30) == {"late", "backdated"}
    assert beyond(HISTORY, 50) == set()
    assert beyond(HISTORY, 5) == set(HISTORY)
