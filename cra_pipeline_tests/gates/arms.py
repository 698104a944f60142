"""Rows of arms as the harness writes them, from one letter or word per task."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Literal

from cra_pipeline.contracts.gates import Arm, HoldoutAnswer, HoldoutAttempt
from cra_pipeline.gates.case import Case

BASE, ADAPTER, EARLIER = "b" * 64, "a" * 64, "e" * 64
MODELS: Mapping[Arm, str] = {
    "base": BASE,
    "incumbent": f"{BASE}+{EARLIER}",
    "candidate": f"{BASE}+{ADAPTER}",
}
OUTCOMES = {"p": "passed", "f": "failed", "s": "sandbox_error", "m": "model_error"}
Reason = Literal["held_out_repository", "after_cut_off"]


def place_of(number: int) -> tuple[str, Reason]:
    """Every other task is of a held-out repository."""
    return ("kept", "held_out_repository") if number % 2 else ("known", "after_cut_off")


def attempts(
    arm: Arm, outcomes: str, *, kind: str = "execute_code", seeds: int = 1, first: int = 0
) -> list[HoldoutAttempt]:
    """One task per letter: ``p`` passed, ``f`` failed, ``s`` and ``m`` infrastructure."""
    return [
        HoldoutAttempt(
            adapter_kind=kind,
            round="r01",
            arm=arm,
            model=MODELS[arm],
            served_as="float32",
            task_id=f"task-{number:03d}",
            repo=place_of(number)[0],
            reason=place_of(number)[1],
            seed=seed,
            temperature=0.0 if seeds == 1 else 0.7,
            attempt_id=f"{arm}-{number}-{seed}",
            outcome=OUTCOMES[letter],
            detail="",
            calls=1,
            latency_ms=5.0,
        )
        for number, letter in enumerate(outcomes, first)
        for seed in range(seeds)
    ]


def answers(
    arm: Arm,
    said: Sequence[str],
    *,
    expected: str = "yn",
    kind: str = "scope",
    call_kind: str = "scope",
) -> list[HoldoutAnswer]:
    """One task per word of ``said``; each letter answers one question: ``y``, ``n`` or ``?``."""
    return [
        HoldoutAnswer(
            adapter_kind=kind,
            round="r01",
            arm=arm,
            model=MODELS[arm],
            task_id=f"task-{number:03d}",
            repo=place_of(number)[0],
            reason=place_of(number)[1],
            attempt_id=f"{arm}-{number}-0",
            call_number=call,
            call_kind=call_kind,
            prompt_sha256=f"{number:032d}{call:032d}",
            response={"y": "yes", "n": "no", "?": "perhaps"}[letter],
            right="",
            expected=expected[call % len(expected)] == "y",
            answered={"y": True, "n": False, "?": None}[letter],
            score=None,
        )
        for number, word in enumerate(said)
        for call, letter in enumerate(word)
    ]


def plan_answer(
    arm: Arm, number: int, call_kind: str, response: str, *, right: str = ""
) -> HoldoutAnswer:
    """The only answer of a task, in text."""
    (row,) = answers(arm, ["y"])
    return row.model_copy(
        update={
            "task_id": f"task-{number:03d}",
            "repo": place_of(number)[0],
            "reason": place_of(number)[1],
            "attempt_id": f"{arm}-{number}-0",
            "call_kind": call_kind,
            "response": response,
            "right": right,
            "expected": None,
            "answered": None,
        }
    )


def plan(listing: str, *items: tuple[str, list[str]]) -> str:
    """A plan of items with what they depend on."""
    return json.dumps(
        {
            "task_summary": "s",
            "rationale": "r",
            listing: [{"id": name, "description": "d", "depends_on": needs} for name, needs in
                      items],
        }
    )  # fmt: skip


def case(
    rows: Sequence[HoldoutAttempt],
    answered: Sequence[HoldoutAnswer] = (),
    *,
    kind: str = "execute_code",
    incumbent: str = "",
) -> Case:
    """A case over rows of any arms."""
    return Case(
        adapter_kind=kind,
        round="r01",
        base_digest=BASE,
        adapter_digest=ADAPTER,
        incumbent=incumbent,
        incumbent_digest=EARLIER if incumbent else "",
        attempts=list(rows),
        answers=list(answered),
    )
