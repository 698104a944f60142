"""Plans a megabyte long, nested without end or of a thousand steps are read, or are none."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cra_pipeline.contracts.calls import CallRecord
from cra_pipeline.harness.actual import ActualChange
from cra_pipeline.harness.alignment import UNDECIDED, align
from cra_pipeline.harness.dependencies import is_sound, reached
from cra_pipeline.harness.plan_answers import (
    MOST,
    read_design,
    read_parts,
    read_points,
    read_steps,
    read_targets,
)
from cra_pipeline.harness.plans import PlannedStep, planned
from cra_pipeline_tests.patience import within

MEGABYTE = 10**6
FILES = tuple(f"{letter}.py" for letter in "abcde")
CHANGE = ActualChange(
    files=frozenset(FILES),
    symbols=frozenset((path, f"Cart.part{number}") for path in FILES for number in range(40)),
    dependencies=frozenset((one, other) for one in FILES for other in FILES if one < other),
)


def meta_plan(response: str) -> CallRecord:
    return CallRecord(
        attempt="a", number=0, call_kind="meta_plan", system="", prompt="", response=response,
        thinking="", prompt_tokens=None, completion_tokens=None, latency_ms=0, responder="openai",
        model="m", temperature=0.0, seed=0, finish="stop", error="",
    )  # fmt: skip


def parts(count: int, after: Callable[[int], Sequence[int]]) -> str:
    items = [
        {
            "id": f"p{number}",
            "description": "d",
            "affected_files": FILES if number % 2 else FILES[:1],
            "depends_on": [f"p{other}" for other in after(number)],
        }
        for number in range(count)
    ]
    return json.dumps({"task_summary": "s", "rationale": "r", "parts": items})


@pytest.mark.parametrize("reader", [read_parts, read_steps, read_design, read_points, read_targets])
@pytest.mark.parametrize("piece", ["[", '{"parts": [', "```\n", "yes ", '{"a":'])
def test_a_megabyte_that_is_no_plan_is_refused(reader: Callable[[str], object], piece: str) -> None:
    with within(3), pytest.raises(ValueError, match=r".+"):
        reader(piece * (MEGABYTE // len(piece)))


@pytest.mark.parametrize(
    "after",
    [
        lambda number: [number - 1] if number else [],
        lambda number: [number + 1] if number < MOST - 1 else [],
        lambda number: list(range(number)) if number < MOST // 4 else [],
        lambda _: [],
    ],
)
def test_a_thousand_parts_are_read_and_measured(after: Callable[[int], Sequence[int]]) -> None:
    with within(6):
        plan = planned([meta_plan(parts(MOST, after))])

        assert plan is not None
        assert align(plan, CHANGE).file_recall == 1.0


def test_more_than_a_thousand_parts_are_no_plan() -> None:
    with within(3):
        assert planned([meta_plan(parts(12_000, lambda number: [max(0, number - 1)]))]) is None
        assert planned([meta_plan(parts(MOST + 1, lambda _: []))]) is None


def test_a_step_of_thirty_thousand_names_is_measured() -> None:
    many = tuple(f"n{number}" for number in range(30_000))
    step = PlannedStep(id="s", files=(*many, *FILES), symbols=many, depends_on=())
    with within(3):
        assert align([step], CHANGE).symbol_overlap == 0.0


def test_a_chain_of_any_length_is_sound_and_a_circle_is_not() -> None:
    chain = {str(number): [str(number - 1)] if number else [] for number in range(20_000)}
    with within(3):
        assert is_sound(list(chain), chain)
        assert not is_sound(list(chain), {**chain, "0": ["19999"]})


graphs = st.dictionaries(st.sampled_from("abcde"), st.lists(st.sampled_from("abcdef"), max_size=4))


@given(graphs)
def test_what_is_reached_is_the_least_that_is_closed(graph: Mapping[str, Sequence[str]]) -> None:
    found = {name: set(others) for name, others in graph.items()}
    for _ in graph:
        for others in found.values():
            others |= {more for other in list(others) for more in graph.get(other, ())}

    assert reached(graph) == {name: frozenset(others) for name, others in found.items()}
    assert is_sound(list(graph), graph) == (
        not any(name in others for name, others in found.items())
        and all(other in graph for others in graph.values() for other in others)
    )


steps = st.lists(
    st.builds(
        PlannedStep,
        id=st.sampled_from("abcde"),
        files=st.lists(st.sampled_from(["one.py", "two.py"]), max_size=2).map(tuple),
        symbols=st.just(()),
        depends_on=st.lists(st.sampled_from("abcde"), max_size=3).map(tuple),
    ),
    unique_by=lambda step: step.id,
)


@given(steps)
def test_order_is_the_best_of_all_pairs_of_steps(plan: Sequence[PlannedStep]) -> None:
    before = reached({step.id: step.depends_on for step in plan})
    pairs = [
        (one.id, other.id)
        for one in plan
        for other in plan
        if "one.py" in one.files and "two.py" in other.files
    ]
    expected = max((_worth(*pair, before) for pair in pairs), default=1.0)
    change = ActualChange(
        files=frozenset({"one.py", "two.py"}),
        symbols=frozenset(),
        dependencies=frozenset({("one.py", "two.py")}),
    )

    assert align(plan, change).dependency_order == (expected if plan else 0.0)


def _worth(provider: str, consumer: str, before: Mapping[str, frozenset[str]]) -> float:
    after = provider == consumer or provider in before[consumer]
    ahead = consumer in before[provider]
    return UNDECIDED if after == ahead else float(after)
