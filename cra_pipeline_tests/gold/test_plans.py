"""Plans that the agent's own checks accept."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import given

from cra_pipeline.gold.book import GoldBook
from cra_pipeline.gold.change import GoldChange
from cra_pipeline.gold.plans import Planner
from cra_pipeline_tests.gold.books import book, books


def _planner(drawn: GoldBook) -> Planner:
    return Planner(drawn.subject, GoldChange(drawn))


def _acceptable(items: list[dict[str, Any]]) -> bool:
    """Unique ids, known dependencies, no cycle, lists where lists belong."""
    left = {str(item["id"]): item["depends_on"] for item in items}
    if len(left) != len(items) or not items:
        return False
    while left:
        ready = [number for number, needs in left.items() if not set(needs) & set(left)]
        if not ready:
            return False
        left = {number: needs for number, needs in left.items() if number not in ready}
    return all(
        isinstance(value, str | list) and value != "" for item in items for value in item.values()
    )


@given(books())
def test_plans_are_acceptable(drawn: GoldBook) -> None:
    planner, change = _planner(drawn), GoldChange(drawn)
    meta = json.loads(planner.meta_plan())
    part = json.loads(planner.part_plan(change.code, edges=True))

    assert _acceptable(meta["parts"])
    assert _acceptable(part["steps"])
    assert meta["task_summary"]
    assert meta["rationale"]
    assert part["rationale"]


@given(books())
def test_steps_and_parts_hold_each_file_once_and_have_texts_of_their_own(drawn: GoldBook) -> None:
    planner, change = _planner(drawn), GoldChange(drawn)
    steps = json.loads(planner.part_plan(change.code, edges=False))["steps"]
    parts = json.loads(planner.meta_plan())["parts"]
    texts = [item["description"] for item in [*steps, *parts]]

    assert [path for step in steps for path in step["target_files"]] == list(change.code)
    assert sorted(path for part in parts for path in part["affected_files"]) == sorted(change.code)
    assert len(set(texts)) == len(texts)
    assert all(step["depends_on"] == [] for step in steps)


@given(books())
def test_a_part_names_its_tests_so_that_the_agent_finds_them(drawn: GoldBook) -> None:
    change = GoldChange(drawn)
    texts = [part["description"] for part in json.loads(_planner(drawn).meta_plan())["parts"]]

    assert all(any(f" {path}" in text for text in texts) for path in change.tests)


@given(books())
def test_a_grouping_takes_every_change_point_once(drawn: GoldBook) -> None:
    planner = _planner(drawn)
    points = json.loads(planner.change_points())["change_points"]
    places = [point["file_path"] for point in points] + ["strange.py"]
    parts = json.loads(planner.grouping(places))["parts"]

    assert sorted(at for part in parts for at in part["change_point_indices"]) == list(
        range(len(places))
    )
    assert len({part["id"] for part in parts}) == len(parts)
    assert all(part["affected_files"] and part["description"] for part in parts)


@given(books())
def test_pairwise_grouping_says_the_same(drawn: GoldBook) -> None:
    planner, change = _planner(drawn), GoldChange(drawn)

    for part in change.parts:
        for path in change.order:
            assert planner.together(part[0], path) == (path in part)


def test_providers_are_what_a_step_depends_on() -> None:
    before = {"p/a.py": "from p.z import Z\n", "p/z.py": "Z = 1\n"}
    drawn = book(before, {path: f"{text}X = 1\n" for path, text in before.items()})
    plan = json.loads(_planner(drawn).part_plan(GoldChange(drawn).code, edges=True))

    assert [(step["target_files"], step["depends_on"]) for step in plan["steps"]] == [
        (["p/z.py"], []),
        (["p/a.py"], ["s1"]),
    ]


def test_an_adjustment_keeps_the_remaining_steps() -> None:
    drawn = book({"a.py": "x = 1\n"}, {"a.py": "x = 2\n"})

    assert json.loads(_planner(drawn).adjustment())["revised_steps"] == []
