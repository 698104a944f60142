"""Which tasks are attempted, on which side of the line they lie, and what decides an attempt."""

from __future__ import annotations

import random
from dataclasses import replace

import pytest

from cra_pipeline.contracts.rounds import RoundRecord
from cra_pipeline.contracts.tasks import TaskRow
from cra_pipeline.harness.arms import (
    ArmCast,
    Speaker,
    Terms,
    base_arms,
    cell_key,
    distinct,
    kind_arms,
    round_arms,
)
from cra_pipeline.harness.holdout import HoldoutPolicy, drawn, far_side, unequal_arms
from cra_pipeline_tests.contracts.regenerate import example

BASE = Speaker(base_id="base", base_digest="b")
NEW = replace(BASE, adapter="scope|r02", adapter_digest="n")
OLD = replace(BASE, adapter="scope|r01", adapter_digest="o")
OTHER = Speaker(base_id="coder", base_digest="k", adapter="execute_code|r02", adapter_digest="e")
TERMS = Terms(program="p", served_as="float32", policy=HoldoutPolicy())


def task(repo: str, number: int, **more: object) -> TaskRow:
    found = example(TaskRow)
    assert isinstance(found, TaskRow)
    sha = f"{number:040x}"
    told = {"repo": repo, "task_id": f"{repo}-{number}", "sha": sha, "committed_at": number,
            "admitted": True, "kind": "source-and-tests", "gold_patch": ""}  # fmt: skip
    return found.model_copy(update=told | more)


def test_the_draw_ignores_order_and_spreads_over_repositories() -> None:
    tasks = [task(repo, number) for repo in "abc" for number in range(5)]
    shuffled = random.Random(1).sample(tasks, len(tasks))  # noqa: S311  # an order
    chosen = drawn(tasks, HoldoutPolicy(limit=4))

    assert chosen == drawn(shuffled, HoldoutPolicy(limit=4))
    assert sorted(item.repo for item in chosen[:3]) == ["a", "b", "c"]
    assert {item.committed_at for item in chosen[:3]} == {4}
    assert len(drawn(tasks, HoldoutPolicy(limit=0))) == len(tasks)
    assert len({drawn(tasks, HoldoutPolicy(limit=1, draw=draw)) for draw in range(9)}) > 1


def test_tasks_that_are_not_admitted_or_have_no_code_are_left_out() -> None:
    tasks = [task("a", 1, admitted=False), task("a", 2, kind="tests-only"), task("a", 3)]

    assert [item.committed_at for item in drawn(tasks, HoldoutPolicy())] == [3]


@pytest.mark.parametrize(
    ("repo", "number", "side"),
    [
        ("kept", 1, "held_out_repository"),
        ("open", 1, None),
        ("open", 2, "after_cut_off"),
        ("open", 3, "after_cut_off"),  # its own date was set back
        ("open", 4, None),  # not reached by the pin
    ],
)
def test_a_side_is_proven_by_record_and_git(repo: str, number: int, side: str | None) -> None:
    record = RoundRecord(round="r01", cut_off=10, pins=(("kept", "x"), ("open", "x")),
                         held_out=("kept",))  # fmt: skip
    one, two, three = (f"{number:040x}" for number in (1, 2, 3))
    history = {three: (9, (two,)), two: (11, (one,)), one: (5, ("gone",))}

    assert far_side(task(repo, number), record, history) == side


def test_arms_name_who_answers_and_what_else_is_served() -> None:
    alone = kind_arms("scope", "r02", NEW, OLD)
    void = kind_arms("scope", "r02", NEW, replace(OLD, base_digest="x"))
    together = round_arms("r02", {"scope": NEW, "execute_code": OTHER}, {"scope": OLD})

    assert [(arm.arm, arm.model) for arm in alone.arms] == [
        ("base", "b"), ("incumbent", "b+o"), ("candidate", "b+n"),
    ]  # fmt: skip
    assert [arm.arm for arm in kind_arms("scope", "r02", NEW, None).arms] == ["base", "candidate"]
    assert [arm.arm for arm in void.arms] == ["base", "candidate"]
    assert [(arm.arm, arm.model) for arm in together.arms] == [
        ("base", "b+k"), ("incumbent", "b+k+o"), ("candidate", "b+k+e+n"),
    ]  # fmt: skip
    assert together.arms[0].answered == {"scope", "implement", "test_implement"}
    assert round_arms("r02", {}, {}).arms == ()
    assert [arm.model for arm in base_arms("r02", BASE, OTHER.bare, ["meta_plan"]).arms] == [
        "b", "k",
    ]  # fmt: skip


def test_attempts_are_shared_where_the_same_is_asked_of_the_same() -> None:
    first, second = (kind_arms("scope", name, NEW, OLD) for name in ("r02", "r03"))
    only = round_arms("r02", {"scope": NEW}, {})
    given = task("a", 1)

    def key(arm: ArmCast, *, seed: int = 0, terms: Terms = TERMS, of: TaskRow = given) -> str:
        return cell_key(arm, of, "env", seed, terms)

    candidate = key(first.arms[-1])
    fewer = replace(TERMS, policy=HoldoutPolicy(limit=3, draw=7))

    assert candidate == key(second.arms[-1]) == key(only.arms[-1])
    assert candidate == key(first.arms[-1], terms=fewer)
    others = [
        key(first.arms[0]),
        key(first.arms[1]),
        key(first.arms[-1], seed=1),
        key(first.arms[-1], of=task("a", 2)),
        key(first.arms[-1], terms=replace(TERMS, served_as="bfloat16")),
        key(first.arms[-1], terms=replace(TERMS, program="q")),
        key(first.arms[-1], terms=replace(TERMS, policy=HoldoutPolicy(temperature=0.5))),
        key(first.arms[-1], terms=replace(TERMS, policy=HoldoutPolicy(form="names"))),
        key(kind_arms("precision", "r02", NEW, None).arms[-1]),
    ]
    assert len({candidate, *others}) == len(others) + 1


def test_a_candidate_that_is_the_incumbent_is_asked_once() -> None:
    same = kind_arms("scope", "r02", NEW, NEW)

    assert [arm.arm for arm in distinct(same.arms, "float32")] == ["base", "incumbent"]


@pytest.mark.parametrize("seeds", [(), (0, 0), (0, 1)])
def test_seeds_that_say_nothing_are_refused(seeds: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match="seeds"):
        HoldoutPolicy(seeds=seeds)


def test_arms_with_other_tasks_are_told_apart() -> None:
    full, less = {("t1", 0), ("t2", 0)}, {("t1", 0)}

    assert unequal_arms({"base": full, "candidate": full}) == []
    assert unequal_arms({"base": full, "candidate": less}) == [
        "candidate: lacks 1 attempts that another arm has, such as ('t2', 0)"
    ]
