"""What a round came to, as the ledger tells it."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from cra_pipeline.contracts.rounds import KindClosing, RoundClosing, RoundRecord
from cra_pipeline.contracts.workspace import Layout
from cra_pipeline.errors import RegistryError, RoundError
from cra_pipeline.integrations.files import write_record
from cra_pipeline.kinds import ADAPTER_KINDS
from cra_pipeline.registry.stage.book import read_book
from cra_pipeline.registry.stage.closings import close_round, closing_of, incumbents
from cra_pipeline.registry.stage.entries import check_active
from cra_pipeline.registry.stage.promoting import promote, roll_back
from cra_pipeline_tests.registry.worlds import World, candidate


@dataclass(frozen=True, slots=True)
class Flat:
    """A kind that gains no more."""

    adapter_kind: str
    advice: str


@pytest.fixture
def world(layout: Layout) -> World:
    for name in ("r01", "r02"):
        record = RoundRecord(round=name, cut_off=1, pins=(), held_out=())
        write_record(layout.rounds / f"{name}.json", record)
    return World(layout=layout)


def of(closing: RoundClosing, kind: str = "scope") -> KindClosing:
    return next(item for item in closing.kinds if item.adapter_kind == kind)


def test_a_new_round_freezes_what_serves(world: World) -> None:
    assert incumbents(world.layout) == ()

    world.serve()
    world.serve("precision")
    assert incumbents(world.layout) == (("precision", "precision-v1"), ("scope", "scope-v1"))


def test_promotions_and_refusals_are_told_by_kind(world: World) -> None:
    world.serve()
    world.gated("precision", decision="not_enough_evidence")
    world.entered("precision", "r01")

    closing = close_round(world.layout, "r01", [], clock=lambda: 7.0)

    assert [item.adapter_kind for item in closing.kinds] == list(ADAPTER_KINDS)
    scope, precision = of(closing), of(closing, "precision")
    assert (scope.version, scope.ending, scope.active) == ("scope-v1", "promoted", "scope-v1")
    assert (precision.version, precision.ending, precision.active) == (
        "precision-v1", "refused", "",
    )  # fmt: skip
    assert precision.reason.startswith("gate not_enough_evidence")
    assert of(closing, "execute_code").ending == "none"
    assert closing.at == 7


def test_a_rollback_is_how_a_promotion_ended(world: World) -> None:
    world.serve()
    world.gated(round_name="r02", decision="failed")
    world.entered("scope", "r02")
    promote(world.layout, "scope", "scope-v2", override="ada: just once")
    check_active(world.layout, "scope|r02")

    found = of(close_round(world.layout, "r02", []))
    assert (found.version, found.ending, found.active) == ("scope-v2", "rolled_back", "scope-v1")
    assert found.reason.startswith("override: scope-v2 was promoted")


def test_a_version_that_serves_again_counts_as_promoted(world: World) -> None:
    world.serve()
    world.serve(round_name="r02")
    roll_back(world.layout, "scope", reason="ada: slow")

    found = of(close_round(world.layout, "r01", []))
    assert (found.ending, found.reason) == ("promoted", "again, after scope-v2")
    assert of(close_round(world.layout, "r02", [])).ending == "rolled_back"


def test_a_closed_round_stays_as_it_was_closed(world: World) -> None:
    world.serve()
    first = close_round(world.layout, "r01", [Flat("scope", "add repositories")])
    roll_back(world.layout, "scope", reason="ada: slow")

    assert close_round(world.layout, "r01", []) == first == closing_of(world.layout, "r01")
    assert first.plateau == ("scope",)
    assert first.advice == ("add repositories",)


def test_nothing_is_entered_into_a_closed_round(world: World) -> None:
    world.serve()
    close_round(world.layout, "r01", [])
    world.entered("scope", "r01")
    world.gated(figures=(candidate(0.95, 0.9, 0.97),))

    with pytest.raises(RegistryError, match="nothing is entered into a closed round"):
        world.entered("scope", "r01")
    assert list(read_book(world.layout).standing.versions) == ["scope-v1"]


def test_a_round_is_not_closed_over_a_report_that_was_not_entered(world: World) -> None:
    world.gated()

    with pytest.raises(RoundError, match="run registry_entry --kind scope --round r01"):
        close_round(world.layout, "r01", [])
    assert closing_of(world.layout, "r01") is None


def test_a_round_that_was_never_opened_is_not_closed(world: World) -> None:
    with pytest.raises(RoundError, match="r09 was never opened"):
        close_round(world.layout, "r09", [])
