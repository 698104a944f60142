"""A poor statement may be replaced by a better one that gives nothing away; the original stays."""

from __future__ import annotations

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cra_pipeline.errors import ModelError
from cra_pipeline.harness.rewording import (
    JUDGE,
    REWRITE,
    Rewording,
    RewordingPolicy,
    known_names,
    poverty,
    read_judgement,
    reword,
    rewrite_question,
)
from cra_pipeline.harness.statement import FALLBACK

POLICY = RewordingPolicy()
BEFORE = {"till.py": "class Till:\n    def total(self, prices):\n        return sum(prices)\n"}
AFTER = {
    "till.py": BEFORE["till.py"].replace("sum(prices)", "sum(p for p in prices if p)"),
    "extra.py": "def rounded():\n    return 1\n",
}
BETTER = "Let the total of a Till pass over prices that are missing."
GOOD = '{"same_task": true, "clear": true, "gives_away": false}'


@pytest.mark.parametrize(
    ("statement", "reason"),
    [
        ("", "empty"),
        (FALLBACK, "empty"),
        ("Fix bug", "short"),
        ("wip", "short"),
        ("Fix some more of the tests", "no_object"),
        ("fix: several small improvements and fixes", "no_object"),
        ("Update it to the new version", "no_object"),
        ("Raise ValueError for negative discounts", ""),
        ("feat(till): take discounts off the total", ""),
        ("Fix it\n\nThe parser lost the last token of a quoted string.", ""),
    ],
)
def test_a_poor_statement_is_short_or_names_nothing(statement: str, reason: str) -> None:
    assert poverty(statement, POLICY) == reason


def rewording(*answers: str | ModelError, statement: str = "Fix bug") -> Rewording:
    told: list[tuple[str, str]] = []
    waiting = list(answers)

    async def ask(system: str, prompt: str) -> str:
        told.append((system, prompt))
        answer = waiting.pop(0)
        if isinstance(answer, ModelError):
            raise answer
        return answer

    found = asyncio.run(
        reword(
            statement,
            before=BEFORE,
            after=AFTER,
            symbols=["Till.total", "rounded"],
            ask=ask,
            policy=POLICY,
        )
    )
    assert waiting == []
    assert [system for system, _ in told] == [REWRITE, JUDGE][: len(told)]
    assert not any("sum(" in prompt or "rounded" in prompt for _, prompt in told)
    return found


def test_a_fair_rewording_is_used_and_the_original_kept() -> None:
    assert rewording(f" {BETTER}\n", f"Sure: {GOOD}") == Rewording(
        original="Fix bug", text=BETTER, proposed=BETTER, reason="accepted"
    )


@pytest.mark.parametrize(
    ("answers", "reason"),
    [
        ([ModelError("refused")], "no_answer: refused"),
        ([""], "still_poor: empty"),
        (["Fix the bug"], "still_poor: short"),
        ([BETTER * 20], "too_long: 1160 characters"),
        ([f"{BETTER} Use sum(p for p in prices if p)."], "disclosure: "),
        ([f"{BETTER} Put it into extra.py please."], "disclosure: name: extra"),
        ([BETTER, ModelError("cut off")], "judge_silent: cut off"),
        ([BETTER, "I think it is fine."], "judge_unreadable"),
        ([BETTER, GOOD.replace('"clear": true', '"clear": false')], "judge_refused: unclear"),
    ],
)
def test_whatever_goes_wrong_the_original_stands(
    answers: list[str | ModelError], reason: str
) -> None:
    found = rewording(*answers)

    assert found.reason.startswith(reason)
    assert found.text == found.original == "Fix bug"


def test_a_good_statement_asks_nobody() -> None:
    found = rewording(statement="Raise ValueError for negative discounts")

    assert (found.reason, found.text) == ("not_poor", "Raise ValueError for negative discounts")


def test_the_model_is_told_names_that_exist_before_the_change() -> None:
    assert known_names(BEFORE, ["Till.total", "Till.rounded", "rounded", "Till"], POLICY) == (
        "Till",
        "Till.total",
    )
    assert rewrite_question("Fix bug", BEFORE, []).prompt == (
        "Note: Fix bug\nFiles: till.py\nNames: (none)\n"
    )


@pytest.mark.parametrize(
    ("answer", "objection"),
    [
        (GOOD, ""),
        (f"```json\n{GOOD}\n```", ""),
        (GOOD.replace('"same_task": true', '"same_task": false'), "other_task"),
        (GOOD.replace('"gives_away": false', '"gives_away": true'), "gives_away"),
        (GOOD.replace("true", '"yes"'), None),
        ('{"same_task": true}', None),
        ("{broken}", None),
        ("yes", None),
        ("", None),
    ],
)
def test_a_judgement_is_three_plain_answers(answer: str, objection: str | None) -> None:
    assert read_judgement(answer) == objection


@given(st.text())
def test_no_judgement_is_an_exception(answer: str) -> None:
    assert read_judgement(answer) in {None, "", "other_task", "unclear", "gives_away"}
