"""Plans are measured against what was really changed."""

from __future__ import annotations

from dataclasses import astuple, replace
from random import Random

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from cra_pipeline.harness.actual import ActualChange
from cra_pipeline.harness.alignment import NOTHING_PLANNED, UNDECIDED, Alignment, align
from cra_pipeline.harness.plans import PlannedStep

PERFECT = Alignment(
    file_precision=1.0,
    file_recall=1.0,
    file_overlap=1.0,
    symbol_overlap=1.0,
    dependency_order=1.0,
)
PATHS = [f"pkg/m{number}.py" for number in range(6)]


@st.composite
def changes(draw: st.DrawFn) -> ActualChange:
    """One to six files, later ones importing earlier ones."""
    files = draw(st.lists(st.sampled_from(PATHS), min_size=1, unique=True))
    pairs = [(one, other) for at, one in enumerate(files) for other in files[at + 1 :]]
    names = st.sampled_from(["total", "Cart.total", "Cart", "Bill.total", "parse"])
    return ActualChange(
        files=frozenset(files),
        symbols=frozenset(draw(st.lists(st.tuples(st.sampled_from(files), names)))),
        dependencies=frozenset(draw(st.lists(st.sampled_from(pairs)))) if pairs else frozenset(),
    )


def gold_plan(actual: ActualChange) -> tuple[PlannedStep, ...]:
    """One step for each file, waiting for the steps of what the file imports."""
    return tuple(
        PlannedStep(
            id=path,
            files=(path,),
            symbols=tuple(sorted(name for file, name in actual.symbols if file == path)),
            depends_on=tuple(sorted(one for one, other in actual.dependencies if other == path)),
        )
        for path in sorted(actual.files)
    )


def turned_round(plan: tuple[PlannedStep, ...]) -> tuple[PlannedStep, ...]:
    return tuple(
        replace(step, depends_on=tuple(one.id for one in plan if step.id in one.depends_on))
        for step in plan
    )


@given(changes())
def test_the_gold_plan_scores_one_everywhere(actual: ActualChange) -> None:
    assert align(gold_plan(actual), actual) == PERFECT


@given(changes(), st.randoms())
def test_the_order_of_listed_steps_does_not_matter(actual: ActualChange, random: Random) -> None:
    plan = [
        replace(step, depends_on=()) if at else step for at, step in enumerate(gold_plan(actual))
    ]
    shuffled = list(plan)
    random.shuffle(shuffled)

    assert align(shuffled, actual) == align(plan, actual)


@given(changes(), st.integers(1, 4))
def test_a_superset_of_files_costs_precision_and_not_recall(
    actual: ActualChange, more: int
) -> None:
    surplus = tuple(f"other/{number}.py" for number in range(more))
    step = PlannedStep(id="more", files=surplus, symbols=(), depends_on=())
    found = align([*gold_plan(actual), step], actual)
    both = len(actual.files)

    assert found == replace(
        PERFECT, file_precision=both / (both + more), file_overlap=both / (both + more)
    )


@given(changes())
def test_a_reversed_dependency_costs_order_only(actual: ActualChange) -> None:
    assume(actual.dependencies)

    assert align(turned_round(gold_plan(actual)), actual) == replace(PERFECT, dependency_order=0.0)


@given(changes())
def test_an_open_dependency_costs_part_of_the_order(actual: ActualChange) -> None:
    assume(actual.dependencies)
    plan = [replace(step, depends_on=()) for step in gold_plan(actual)]

    assert align(plan, actual) == replace(PERFECT, dependency_order=UNDECIDED)


@given(changes())
def test_a_missed_file_costs_recall_and_not_precision(actual: ActualChange) -> None:
    assume(len(actual.files) > 1)
    missed, *rest = gold_plan(actual)
    known = [replace(step, depends_on=tuple(set(step.depends_on) - {missed.id})) for step in rest]
    found = align(known, actual)

    assert found.file_recall == (len(actual.files) - 1) / len(actual.files)
    assert found.file_precision == 1.0


@given(changes())
def test_an_empty_plan_scores_nothing(actual: ActualChange) -> None:
    assert align([], actual) == NOTHING_PLANNED
    assert set(astuple(NOTHING_PLANNED)) == {0.0}


names = st.text("ab.", max_size=4)
steps = st.builds(
    PlannedStep,
    id=st.sampled_from("abc"),
    files=st.lists(st.sampled_from([*PATHS, "", "."]), max_size=3).map(tuple),
    symbols=st.lists(names, max_size=3).map(tuple),
    depends_on=st.lists(st.sampled_from("abcd"), max_size=3).map(tuple),
)


@given(
    st.lists(steps, unique_by=lambda step: step.id),
    st.builds(
        ActualChange,
        files=st.frozensets(st.sampled_from(PATHS)),
        symbols=st.frozensets(st.tuples(st.sampled_from(PATHS), names)),
        dependencies=st.frozensets(st.tuples(st.sampled_from(PATHS), st.sampled_from(PATHS))),
    ),
)
def test_every_number_lies_between_zero_and_one(
    plan: list[PlannedStep], actual: ActualChange
) -> None:
    assert all(0 <= number <= 1 for number in astuple(align(plan, actual)))


@pytest.mark.parametrize(
    ("planned", "overlap"),
    [
        (("total",), 1.0),
        (("Cart.total",), 1.0),
        (("Cart",), 1.0),
        (("Cart", "total"), 1.0),
        (("Cart.total", "module"), 1.0),
        (("otal",), 0.0),
        (("Bill.total",), 0.0),
        (("total", "parse"), 0.5),
        (("total", "LIMIT"), 1.0),
        (("LIMIT",), 0.5),
        ((), 0.0),
    ],
)
def test_a_name_covers_what_it_names_and_what_is_inside(
    planned: tuple[str, ...], overlap: float
) -> None:
    actual = ActualChange(
        files=frozenset({"a.py"}),
        symbols=frozenset({("a.py", "Cart.total")}),
        dependencies=frozenset(),
        unindexed=frozenset({("a.py", "LIMIT")}),
    )
    step = PlannedStep(id="s1", files=("./a.py",), symbols=planned, depends_on=())

    assert align([step], actual) == replace(PERFECT, symbol_overlap=overlap)


def test_files_that_import_each_other_are_passed_over() -> None:
    actual = ActualChange(
        files=frozenset({"a.py", "b.py", "c.py"}),
        symbols=frozenset(),
        dependencies=frozenset({("a.py", "b.py"), ("b.py", "a.py"), ("a.py", "c.py")}),
    )
    plan = [
        PlannedStep(id="a", files=("a.py",), symbols=(), depends_on=("b",)),
        PlannedStep(id="b", files=("b.py",), symbols=(), depends_on=()),
        PlannedStep(id="c", files=("c.py",), symbols=(), depends_on=("a",)),
    ]

    assert align(plan, actual) == PERFECT
    assert align([*plan[:2], replace(plan[2], depends_on=())], actual).dependency_order == UNDECIDED
