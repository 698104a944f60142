"""What a new round may say, given the earlier ones."""

from __future__ import annotations

import pytest

from cra_pipeline.contracts.rounds import RoundRecord
from cra_pipeline.contracts.sources import RepoSource
from cra_pipeline.corpus.rounds import (
    Frozen,
    default_cut_off,
    in_order,
    next_round,
    round_record,
    waiver,
)


def source(name: str, committed_at: int = 100) -> RepoSource:
    return RepoSource(
        name=name,
        url=f"/srv/{name}",
        revision="a" * 40,
        domain="parsing",
        roles=("P",),
        tier="full",
        licence="MIT",
        committed_at=committed_at,
    )


FIRST = round_record([source("b"), source("a")], (), cut_off=100, held_out=["b"])


def test_the_first_round_pins_every_source_in_order() -> None:
    assert FIRST.round == "r01"
    assert FIRST.pins == (("a", "a" * 40), ("b", "a" * 40))
    assert FIRST.held_out == ("b",)


def test_rounds_are_ordered_by_number() -> None:
    records = [FIRST.model_copy(update={"round": name}) for name in ("r100", "r99", "r02")]

    assert [record.round for record in in_order(records)] == ["r02", "r99", "r100"]
    assert next_round(records) == "r101"


def test_the_default_cut_off_is_the_newest_pin_but_never_goes_back() -> None:
    sources = [source("a", 50), source("b", 70)]

    assert default_cut_off(sources, ()) == 70
    assert default_cut_off(sources, (FIRST,)) == 100


def test_a_pin_without_a_date_asks_for_a_cut_off() -> None:
    with pytest.raises(ValueError, match=r"pins of b is not known: give the cut-off"):
        default_cut_off([source("a"), source("b", 0)], ())


def test_no_pins_give_no_cut_off() -> None:
    with pytest.raises(ValueError, match="no repository"):
        default_cut_off([], (FIRST,))


def test_the_holdout_only_grows() -> None:
    second = round_record([source("a"), source("c")], (FIRST,), cut_off=200, held_out=["c"])

    assert second.round == "r02"
    assert second.held_out == ("b", "c")


@pytest.mark.parametrize(
    ("sources", "earlier", "cut_off", "held_out", "word"),
    [
        ([], (), 1, [], "no repository"),
        ([source("a")], (), 1, ["z"], "held out but not in the round: z"),
        ([source("a")], (), 0, [], "above 0"),
        ([source("a")], (FIRST,), 200, ["a"], "r01 trained on it"),
        ([source("a")], (FIRST,), 99, [], "before 100 of r01"),
    ],
)
def test_a_round_that_contradicts_itself_or_an_earlier_one_is_refused(
    sources: list[RepoSource],
    earlier: tuple[RoundRecord, ...],
    cut_off: int,
    held_out: list[str],
    word: str,
) -> None:
    with pytest.raises(ValueError, match=word):
        round_record(sources, earlier, cut_off=cut_off, held_out=held_out)


def test_incumbents_and_waivers_are_frozen_in_order() -> None:
    frozen = Frozen(
        incumbents=(("scope", "scope-v2"), ("precision", "precision-v1")),
        waivers=(("gate_1_base_half", "demo base"),),
    )
    record = round_record([source("a")], (), cut_off=1, held_out=[], frozen=frozen)

    assert record.incumbents == (("precision", "precision-v1"), ("scope", "scope-v2"))
    assert record.waivers == frozen.waivers


def test_nothing_is_waived_for_two_reasons() -> None:
    frozen = Frozen(waivers=(("gate_1_base_half", "demo"), ("gate_1_base_half", "test")))

    with pytest.raises(ValueError, match="gate_1_base_half is waived twice: 'demo' and 'test'"):
        round_record([source("a")], (), cut_off=1, held_out=[], frozen=frozen)


def test_a_waiver_says_what_and_why() -> None:
    assert waiver(" gate_1_base_half = demo = test ") == ("gate_1_base_half", "demo = test")
    assert waiver("least_tasks:scope=tiny corpus") == ("least_tasks:scope", "tiny corpus")


@pytest.mark.parametrize("text", ["", "gate_1", "gate_1=", "=why", "Gate 1=why", "a:b:c=why"])
def test_a_waiver_without_what_or_why_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="expected WHAT=REASON"):
        waiver(text)


def test_a_waiver_for_an_unknown_kind_is_refused() -> None:
    with pytest.raises(ValueError, match="'colour' is no adapter kind"):
        waiver("least_tasks:colour=why")
