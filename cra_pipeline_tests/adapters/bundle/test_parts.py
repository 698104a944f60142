"""Which rows a bundle holds, and where an answer lies in a window."""

from __future__ import annotations

import re
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cra_pipeline.adapters.bundle.parts import (
    BundlePolicy,
    drawn,
    fitting,
    newest_apart,
    of_candidate,
    of_plan,
    windows,
)
from cra_pipeline.adapters.bundle.positional import Shelf, positional_rows, segments
from cra_pipeline.contracts.datasets import CandidateRow, PlanDocumentRow
from cra_pipeline_tests.adapters.bundle.worlds import code, own, row
from cra_pipeline_tests.adapters.worlds import sample

SMALL = BundlePolicy(positional=12, segment=24)


def shelf(functions: int = 40) -> Shelf:
    return Shelf(origin=own(1), round="r01", files=(("elm.py", code("elm", functions)),), letters=4)


def offered(**fields: object) -> CandidateRow:
    told = {"form": "sft", "answers": ("said",), "round": "r01"} | fields
    return sample(CandidateRow).model_copy(update=told)


@pytest.mark.parametrize(
    ("call_kind", "label", "part"),
    [
        ("meta_plan", "passed", "planning"),
        ("step_design", "passed", "planning"),
        ("test_plan", "passed", "planning"),
        ("implement", "fail_fast", "style"),
        ("implement", "passed", "role"),
        ("scope", "diff", "role"),
    ],
)
def test_a_row_belongs_to_the_part_of_its_call(call_kind: str, label: str, part: str) -> None:
    made = of_candidate(offered(call_kind=call_kind, label=label), 100)

    assert made is not None
    assert made.part == part


def test_reasoning_is_kept_of_plans_alone_and_pairs_are_none() -> None:
    plan = of_candidate(offered(call_kind="meta_plan", thinking="first, …"), 100)
    other = of_candidate(offered(call_kind="scope", thinking="first, …"), 100)

    assert plan is not None
    assert other is not None
    assert (plan.thinking, other.thinking) == ("first, …", "")
    assert of_candidate(offered(call_kind="meta_plan", form="dpo"), 100) is None


@pytest.mark.parametrize("imitate", [True, False])
def test_a_plan_document_is_only_taken_where_it_may_be_imitated(*, imitate: bool) -> None:
    plan = sample(PlanDocumentRow).model_copy(update={"imitate": imitate})
    made = of_plan(plan, 100)

    assert (made is not None) is imitate
    assert made is None or (made.answer, made.origin.sha) == (plan.text, plan.sha)


def test_task_analysis_has_a_window_of_its_own() -> None:
    assert windows(BundlePolicy(), 40960) == (("task_analysis", 8192),)
    assert windows(BundlePolicy(), 4096) == ()


def test_a_row_that_does_not_fit_is_left_out_and_counted() -> None:
    rows = [row(1, window=120), row(2, window=100)]
    kept, left_out = fitting(rows, lambda *_: 100, BundlePolicy(spare=16))

    assert kept == (rows[0],)
    assert left_out == {"planning: longer than its window": 1}


def test_roles_are_mixed_evenly_and_only_to_their_share() -> None:
    plans = [row(number) for number in range(80)]
    calls = [("scope", 60), ("implement", 60), ("task_analysis", 60)]
    others = [
        row(1000 * place + number, "role", name)
        for place, (name, count) in enumerate(calls, 1)
        for number in range(count)
    ]
    found = Counter(item.call_kind for item in drawn([*plans, *others], BundlePolicy()))

    assert found["meta_plan"] == 80
    assert sum(found[name] for name, _ in calls) == 20
    assert max(found[name] for name, _ in calls) - min(found[name] for name, _ in calls) <= 1


def test_no_part_exceeds_its_number() -> None:
    rows = [row(number) for number in range(9)]
    rows += [row(100 + number, "style", "implement") for number in range(9)]
    policy = BundlePolicy(style=4, planning=(("meta_plan", 3),))

    assert Counter(item.part for item in drawn(rows, policy)) == {"planning": 3, "style": 4}


@given(st.permutations([row(number) for number in range(12)]))
def test_the_draw_ignores_the_order_of_rows(rows: list[object]) -> None:
    policy = BundlePolicy(planning=(("meta_plan", 5),))
    known = [row(number) for number in range(12)]

    assert drawn(rows, policy) == drawn(known, policy)  # type: ignore[arg-type]  # Hypothesis' own


@given(st.lists(st.integers(0, 9), min_size=1), st.floats(0, 0.9))
def test_the_newest_commits_judge_whole(numbers: list[int], share: float) -> None:
    rows = [row(place, origin=own(number)) for place, number in enumerate(numbers)]
    trained, judging = newest_apart(rows, BundlePolicy(evaluation=share))

    assert sorted([*trained, *judging], key=str) == sorted(rows, key=str)
    assert bool(judging) is (len(set(numbers)) > 1)
    assert bool(trained)
    if judging:
        assert max(item.origin.committed_at for item in trained) < min(
            item.origin.committed_at for item in judging
        )


def test_an_answer_lies_in_one_segment_of_its_window() -> None:
    rows = positional_rows([shelf()], 4096, SMALL)

    assert len(rows) == 12
    for item in rows:
        context, _, question = item.prompt.rpartition("\n\n")
        (name,) = re.findall(r"function (\w+)\?", question)
        assert item.answer.startswith(f"def {name}(")
        assert context.count(item.answer) == 1
        assert len(re.findall(rf"\b{name}\b", context)) == 1


def test_answers_lie_anywhere_in_windows_of_several_sizes() -> None:
    policy = BundlePolicy(positional=60, segment=24)
    rows = positional_rows([shelf(200)], 2048, policy)
    places = [item.prompt.index(item.answer) / len(item.prompt) for item in rows]
    sizes = {len(item.prompt) // 1000 for item in rows}

    assert min(places) < 0.2
    assert max(places) > 0.75
    assert sum(place < 0.5 for place in places) in range(18, 43)
    assert max(sizes) >= 4 * min(sizes, default=1) or min(sizes) == 0
    assert all(len(item.prompt) < 4 * 2048 for item in rows)


def test_segments_are_whole_lines_and_give_the_file_back() -> None:
    found = segments(shelf(), 24)

    assert "".join(piece.text for piece in found).rstrip() == code("elm", 40).rstrip()
    assert all(len(piece.text) <= 24 * 4 for piece in found)


def test_a_function_that_is_named_elsewhere_is_not_asked_for() -> None:
    text = code("elm", 3) + "\n".join(f"elm_{n}(1, 2)\n" + "#" * 200 for n in (0, 1))
    one = Shelf(origin=own(1), round="r01", files=(("elm.py", text),), letters=4)
    asked = {item.answer for item in positional_rows([one], 4096, SMALL)}

    assert asked == {"def elm_2(price, percent):", "def elm_3(price, percent):"}


def test_the_same_seed_gives_the_same_rows_and_another_one_others() -> None:
    other = BundlePolicy(positional=12, segment=24, seed=1)

    assert positional_rows([shelf()], 4096, SMALL) == positional_rows([shelf()], 4096, SMALL)
    assert positional_rows([shelf()], 4096, SMALL) != positional_rows([shelf()], 4096, other)
