"""How far two servers agree."""

from __future__ import annotations

import pytest

from cra_pipeline.contracts.serving import AskedBoth
from cra_pipeline.serving.agreement import agreement, changes, commonest, same


def row(old: str, new: str, **changed: object) -> AskedBoth:
    made = AskedBoth(
        call_kind="scope", prompt_sha256="p", prompt="File", old=old, new=new, old_error="",
        new_error="", equal=same("scope", old, new), old_ms=10.0, new_ms=12.0,
    )  # fmt: skip
    return made.model_copy(update=changed)


@pytest.mark.parametrize(
    ("kind", "old", "new", "equal"),
    [
        ("scope", "yes", '{"verdict": "yes"}', True),
        ("scope", "hm", "no", True),
        ("scope", "yes", "no", False),
        ("meta_plan", '{"a": 1, "b": []}', '```json\n{"b": [], "a": 1}\n```', True),
        ("meta_plan", '{"a": 1}', '{"a": 2}', False),
        ("meta_plan", "no json", "no  json", True),
        ("task_analysis", "add a\ndiscount", "add a discount ", True),
        ("implement", "<edit>", "<edits>", False),
    ],
)
def test_answers_are_the_same_where_the_agent_would_do_the_same(
    kind: str, old: str, new: str, *, equal: bool
) -> None:
    assert same(kind, old, new) is equal


def test_figures_tell_agreement_errors_and_times() -> None:
    rows = [
        *[row("yes", "yes")] * 8,
        row("yes", "no"),
        row("yes", "hm"),
        row("", "yes", old_error="down", equal=False, old_ms=9000.0),
    ]
    (found,) = agreement(rows, {"scope": ("qwen", "scope-v1")})

    assert found.agreement is not None
    assert (found.prompts, found.agreement.value, found.agreement.clusters) == (11, 0.8, 10)
    assert found.agreement.low == pytest.approx(0.490, abs=1e-3)
    assert (found.old_errors, found.new_errors, found.new_unreadable) == (1, 0, 1)
    assert (found.old_ms, found.new_ms) == (10.0, 12.0)
    assert changes([found], 2**20, 2**21) == (
        "scope: scope-v1 answers in place of qwen",
        "scope: 20% of the answers change (95 %: 6% to 51%)",
        "scope: 0 of 11 prompts have no answer, 1 before",
        "scope: 1 of 11 prompts have an answer that the agent cannot read, 0 before",
        "memory: 1 MiB before, 2 MiB after",
    )


def test_without_answers_there_is_no_agreement_and_nothing_equal_changes_nothing() -> None:
    lost = row("", "", old_error="down", new_error="down", equal=False)
    (found,) = agreement([lost], {"scope": ("a", "a")})
    assert found.agreement is None
    assert found.old_ms is None

    (equal,) = agreement([row("yes", "yes")], {"scope": ("a", "a")})
    assert changes([equal], None, None) == ()


def test_a_server_that_is_much_slower_is_told() -> None:
    (found,) = agreement([row("yes", "yes", new_ms=40.0)], {"scope": ("a", "a")})

    assert changes([found], None, None) == ("scope: 40 ms an answer, 10 before",)


@pytest.mark.parametrize(
    ("errors", "found"),
    [((), None), (("", ""), None), (("a", "", "b", "b"), ("b", 2)), (("a", "b"), ("a", 1))],
)
def test_the_error_that_came_most_often_is_told(
    errors: tuple[str, ...], found: tuple[str, int] | None
) -> None:
    assert commonest(errors) == found
