"""Error rates of the gate of yes/no kinds on few tasks, for the tiny base's least size.

As ``simulation``, but every task asks several questions, whose answers resemble each other: how
well an adapter reads differs from task to task.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from cra_pipeline.contracts.gates import Arm, HoldoutAnswer, HoldoutAttempt
from cra_pipeline.gates.case import Case
from cra_pipeline.gates.policy import GatePolicy
from cra_pipeline.gates.verdict import judge

KIND = "scope"
_BASE, _ADAPTER = "b" * 64, "a" * 64
_ARMS: tuple[tuple[Arm, str], ...] = (("base", _BASE), ("candidate", f"{_BASE}+{_ADAPTER}"))


@dataclass(frozen=True, slots=True, kw_only=True)
class Questions:
    """Truth of a simulation.

    Attributes:
        adapters: How many are judged.
        each: Questions of a task that want a yes, and as many that want a no.
        base: Share of its questions that the base answers right.
        spread: Standard deviation of that share between tasks.
        seed: Of the truth.
    """

    adapters: int = 400
    each: int = 3
    base: float = 0.5
    spread: float = 0.1
    seed: int = 20_262


def promoted(world: Questions, gain: float, tasks: int, policy: GatePolicy) -> float:
    """Share of the adapters with a true gain that the gate passes on so many tasks."""
    random = np.random.default_rng(world.seed)
    allowed = replace(policy, least_tasks=min(tasks, policy.least_tasks))
    cases = (_case(world, gain, tasks, random) for _ in range(world.adapters))
    return sum(judge(case, allowed).decision == "passed" for case in cases) / world.adapters


def _case(world: Questions, gain: float, tasks: int, random: np.random.Generator) -> Case:
    shift = random.normal(0, world.spread, tasks)
    attempts: list[HoldoutAttempt] = []
    answers: list[HoldoutAnswer] = []
    for (arm, model), skill in zip(_ARMS, (world.base, world.base + gain), strict=True):
        chance = np.clip(skill + shift, 0, 1)[:, None]
        right = random.random((tasks, 2 * world.each)) < chance
        for number, row in enumerate(right):
            attempts.append(_attempt(number, arm, model))
            answers += [_answer(number, call, arm, model, right=bool(one)) for call, one in
                        enumerate(row)]  # fmt: skip
    return Case(
        adapter_kind=KIND,
        round="r01",
        base_digest=_BASE,
        adapter_digest=_ADAPTER,
        attempts=attempts,
        answers=answers,
    )


def _reason(number: int) -> Literal["held_out_repository", "after_cut_off"]:
    return "held_out_repository" if number % 2 else "after_cut_off"


def _attempt(number: int, arm: Arm, model: str) -> HoldoutAttempt:
    return HoldoutAttempt(
        adapter_kind=KIND,
        round="r01",
        arm=arm,
        model=model,
        served_as="float32",
        task_id=f"task-{number:04d}",
        repo=f"repo-{number % 2}",
        reason=_reason(number),
        seed=0,
        temperature=0.0,
        attempt_id=f"{arm}-{number:04d}",
        outcome="passed",
        detail="",
        calls=1,
        latency_ms=0.0,
    )


def _answer(number: int, call: int, arm: Arm, model: str, *, right: bool) -> HoldoutAnswer:
    expected = call % 2 == 0
    return HoldoutAnswer(
        adapter_kind=KIND,
        round="r01",
        arm=arm,
        model=model,
        task_id=f"task-{number:04d}",
        repo=f"repo-{number % 2}",
        reason=_reason(number),
        attempt_id=f"{arm}-{number:04d}",
        call_number=call,
        call_kind=KIND,
        prompt_sha256=f"{number:032d}{call:032d}",
        response="",
        right="",
        expected=expected,
        answered=expected == right,
        score=None,
    )
