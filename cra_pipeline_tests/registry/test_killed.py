"""A process killed between any two steps leaves the old state or the new one, never between."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from cra_pipeline.contracts.workspace import Layout
from cra_pipeline.registry.stage.book import read_book
from cra_pipeline.registry.stage.entries import check_active
from cra_pipeline.registry.stage.promoting import promote, retire, roll_back
from cra_pipeline.registry.stage.registering import register
from cra_pipeline.registry.stage.settling import settled
from cra_pipeline_tests.registry.databases import active, marked, rows
from cra_pipeline_tests.registry.killing import killed_before
from cra_pipeline_tests.registry.worlds import World, vet

pytestmark = pytest.mark.slow

Prepare = Callable[[World], None]
Act = Callable[[Layout], object]


def nothing_serves(world: World) -> None:
    world.gated()
    register(world.layout, "scope", "r01", vet=vet)


def one_serves(world: World) -> None:
    world.serve()
    world.gated(round_name="r02")
    register(world.layout, "scope", "r02", vet=vet)


def two_served(world: World) -> None:
    world.serve()
    world.serve(round_name="r02")


def planning_serves(world: World) -> None:
    world.serve("planning_dpo")
    world.gated("planning_dpo", "r02")
    register(world.layout, "planning_dpo", "r02", vet=vet)


def base_is_replaced(world: World) -> None:
    world.add_base("tiny-2k-base-v1", world.base)
    world.serve()
    world.add_base("tiny-2k-base-v2", "e" * 64, replaces="tiny-2k-base-v1")


def overridden(world: World) -> None:
    world.serve()
    world.gated(round_name="r02", decision="failed")
    world.entered("scope", "r02")
    promote(world.layout, "scope", "scope-v2", override="ada: just once")


def settle_alone(layout: Layout) -> None:
    with settled(layout):
        pass


CASES: dict[str, tuple[Prepare, Act, tuple[str, ...], str, str]] = {
    "first promotion": (
        nothing_serves, lambda x: promote(x, "scope", "scope-v1"), ("scope",), "",
        "scope-v1",
    ),
    "promotion": (
        one_serves, lambda x: promote(x, "scope", "scope-v2"), ("scope",), "scope-v1",
        "scope-v2",
    ),
    "promotion of three stages": (
        planning_serves, lambda x: promote(x, "planning_dpo", "planning_dpo-v2"),
        ("meta_plan", "step_plan", "test_plan"), "planning_dpo-v1", "planning_dpo-v2",
    ),
    "rollback": (
        two_served, lambda x: roll_back(x, "scope", reason="ada: slow"), ("scope",), "scope-v2",
        "scope-v1",
    ),
    "rollback of an override": (
        overridden, lambda x: check_active(x, "scope|r02"), ("scope",), "scope-v2",
        "scope-v1",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
def test_a_killed_act_ends_in_the_old_or_the_new_state(layout: Layout, name: str) -> None:
    prepare, act, stages, old, new = CASES[name]
    prepare(World(layout=layout))
    before = layout.root.with_name("before")
    shutil.copytree(layout.root, before)
    ends, step = [], 0
    while True:
        renew(before, layout)
        whole = not killed_before(step, lambda: act(layout))
        ends.append(end_of(layout, stages, old, new))
        if whole:
            break
        step += 1

    # Both ends are met: first the old state, and from the switch on the new one, for good.
    assert ends == sorted(ends, key=[old, new].index)
    assert set(ends[:-1]) == {old, new}
    assert step > 10


def renew(before: Path, layout: Layout) -> None:
    shutil.rmtree(layout.root)
    shutil.copytree(before, layout.root)


def end_of(layout: Layout, stages: tuple[str, ...], old: str, new: str) -> str:
    """What serves once it is settled; every place must say the same."""
    switched = active(layout, stages[0])
    settle_alone(layout)
    book = read_book(layout)
    kind = next(iter(book.standing.versions.values())).adapter_kind
    found = book.standing.active.get(kind, "")

    assert book.standing.intent is None
    assert found in {old, new}
    assert found == switched
    assert {active(layout, stage) for stage in stages} == {found}
    assert {marked(layout, stage) for stage in stages} == {found}
    if layout.raw_db.exists():
        assert rows(layout.raw_db, "PRAGMA foreign_key_check") == []
    lines = len(book.lines)
    settle_alone(layout)
    assert len(read_book(layout).lines) == lines
    return found


def test_a_killed_registration_is_made_once_more(layout: Layout) -> None:
    world = World(layout=layout)
    world.serve()
    world.gated(round_name="r02")
    step, seen = 0, 0
    while killed_before(step, lambda: register(layout, "scope", "r02", vet=vet)):
        known = read_book(layout).standing.versions
        assert set(known) in ({"scope-v1"}, {"scope-v1", "scope-v2"})
        seen, step = max(seen, len(known)), step + 1

    row = register(layout, "scope", "r02", vet=vet)

    assert row.version == "scope-v2"
    assert vet(layout.adapter_version("scope-v2")).adapter_digest == row.adapter_digest
    assert list(read_book(layout).standing.versions) == ["scope-v1", "scope-v2"]
    assert active(layout) == "scope-v1"
    assert step > 3


@pytest.mark.parametrize("name", ["void", "retired"])
def test_a_kill_while_versions_go_for_good_is_settled(layout: Layout, name: str) -> None:
    world, step = World(layout=layout), 0
    if name == "void":
        base_is_replaced(world)
        act: Act = settle_alone
    else:
        two_served(world)
        act = lambda x: retire(x, "scope-v1", reason="ada: licence")  # noqa: E731  # one of two
    before = layout.root.with_name("before")
    shutil.copytree(layout.root, before)
    while True:
        renew(before, layout)
        whole = not killed_before(step, lambda: act(layout))
        step += 1
        settle_alone(layout)
        serves = read_book(layout).standing.active.get("scope", "")
        assert serves == ("" if name == "void" else "scope-v2")
        assert active(layout) == marked(layout) == serves
        if whole:
            break

    assert read_book(layout).standing.versions["scope-v1"].state == name
    assert step > 2
