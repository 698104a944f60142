"""Rounds come in the order of their numbers."""

from __future__ import annotations

from itertools import permutations

import pytest

from cra_pipeline.contracts.rounds import RoundRecord, round_number, round_of_commit

ROUNDS = tuple(
    RoundRecord(round=name, cut_off=cut_off, pins=(("till", "1" * 40),), held_out=())
    for name, cut_off in (("r02", 100), ("r99", 200), ("r100", 300))
)


@pytest.mark.parametrize(
    ("name", "number"), [("r01", 1), ("r02", 2), ("r10", 10), ("r99", 99), ("r100", 100)]
)
def test_a_rounds_number_is_read_from_its_name(name: str, number: int) -> None:
    assert round_number(name) == number


@pytest.mark.parametrize("rounds", list(permutations(ROUNDS)))
@pytest.mark.parametrize(
    ("day", "first"), [(100, "r02"), (101, "r99"), (200, "r99"), (201, "r100"), (301, None)]
)
def test_a_commit_belongs_to_the_first_round_by_number(
    rounds: tuple[RoundRecord, ...], day: int, first: str | None
) -> None:
    assert round_of_commit(day, ["r100", "r99", "r02"], rounds) == first
