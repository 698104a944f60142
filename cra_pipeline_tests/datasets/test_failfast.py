"""The score lies in [0, 100], and each of its eight counts moves it the right way."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cra_pipeline.datasets.failfast import (
    FailFastCounts,
    FailFastPolicy,
    counted,
    score,
    together,
    verdict,
)

few = st.integers(0, 20)


@st.composite
def counts(draw: st.DrawFn) -> FailFastCounts:
    handlers = draw(few)
    bare = draw(st.integers(0, handlers))
    raises = draw(few)
    return FailFastCounts(
        lines=draw(st.integers(1, 5000)),
        handlers=handlers,
        bare=bare,
        broad=draw(st.integers(0, handlers - bare)),
        swallowed=draw(st.integers(0, handlers)),
        indexed=draw(few),
        got=draw(few),
        asserts=draw(few),
        raises=raises,
        chained=draw(st.integers(0, raises)),
    )


def moved(before: FailFastCounts, **more: int) -> float:
    """How far the score moves when counts grow by so many."""
    after = replace(before, **{name: getattr(before, name) + by for name, by in more.items()})
    return score(after).total - score(before).total


@given(counts())
def test_the_score_lies_between_0_and_100(found: FailFastCounts) -> None:
    assert 0 <= score(found).total <= 100
    assert score(found).total == pytest.approx(sum(value for _, value in score(found).parts))


@pytest.mark.parametrize(
    ("metric", "more"),
    [
        ("specific", {"handlers": 1}),
        ("indexed", {"indexed": 1}),
        ("asserts", {"asserts": 1}),
        ("chained", {"raises": 1, "chained": 1}),
    ],
)
@given(found=counts())
def test_what_is_good_never_lowers_it(
    metric: str, more: dict[str, int], found: FailFastCounts
) -> None:
    assert moved(found, **more) >= -1e-9, metric


@pytest.mark.parametrize(
    ("metric", "more"),
    [
        ("bare", {"bare": 1, "handlers": 1}),
        ("broad", {"broad": 1, "handlers": 1}),
        ("swallowed", {"swallowed": 1}),
        ("got", {"got": 1}),
    ],
)
@given(found=counts())
def test_what_is_bad_never_raises_its_own_part(
    metric: str, more: dict[str, int], found: FailFastCounts
) -> None:
    name = {"got": "indexed"}.get(metric, metric)
    after = replace(found, **{key: getattr(found, key) + by for key, by in more.items()})

    assert dict(score(after).parts)[name] <= dict(score(found).parts)[name] + 1e-9


@given(found=counts())
def test_a_named_error_turned_into_a_caught_all_lowers_it(found: FailFastCounts) -> None:
    named = replace(found, handlers=found.handlers + 1)

    assert score(replace(named, bare=named.bare + 1)).total < score(named).total
    assert score(replace(named, broad=named.broad + 1)).total < score(named).total


@given(found=counts())
def test_a_raise_earns_its_density(found: FailFastCounts) -> None:
    after = replace(found, raises=found.raises + 1)

    assert dict(score(after).parts)["raises"] >= dict(score(found).parts)["raises"]


@given(st.lists(counts(), min_size=1, max_size=4))
def test_a_repository_is_the_sum_of_its_files(files: list[FailFastCounts]) -> None:
    whole = together(files)

    assert whole.lines == sum(item.lines for item in files)
    assert score(together(files[::-1])) == score(whole)
    parts = [score(item).total for item in [*files[:1] * 3]]
    assert score(together(files[:1] * 3)).total == pytest.approx(parts[0])


def test_the_weights_are_those_of_the_strategy() -> None:
    rules = FailFastPolicy()
    weights = (rules.bare, rules.broad, rules.swallowed, rules.specific, rules.indexed)

    assert weights == (20, 15, 15, 15, 10)
    assert (rules.asserts, rules.raises, rules.chained) == (10, 10, 5)
    assert sum(weights) + rules.asserts + rules.raises + rules.chained == 100


DEFENSIVE = """
def f(d):
    try:
        return d.get("a", 0)
    except:
        pass
    try:
        return d.get("b")
    except Exception:
        pass
"""
STRONG = """
def f(d):
    assert d
    try:
        return d["a"]
    except KeyError as error:
        raise ValueError("no a") from error
"""


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (DEFENSIVE, {"handlers": 2, "bare": 1, "broad": 1, "swallowed": 2, "got": 2, "lines": 9}),
        (
            STRONG,
            {"handlers": 1, "indexed": 1, "asserts": 1, "raises": 1, "chained": 1, "lines": 6},
        ),
        (
            "try:\n    x\nexcept (OSError, Exception):\n    raise\n",
            {"handlers": 1, "broad": 1, "lines": 4},
        ),
        ("x[1:2], y[1], z.get(a=1), z.get()\ny[1] = 2\n", {"indexed": 1, "lines": 2}),
        ("", {}),
    ],
)
def test_a_file_is_counted(text: str, expected: dict[str, int]) -> None:
    assert counted(text) == FailFastCounts(**expected)


def test_what_is_no_python_is_not_counted() -> None:
    assert counted("def (") is None


def test_verdicts() -> None:
    strong, defensive = counted(STRONG), counted(DEFENSIVE)
    assert strong is not None
    assert defensive is not None

    assert verdict(score(strong).total) == "strong"
    assert verdict(score(defensive).total) == "defensive"
    assert [verdict(total) for total in (75.0, 74.9, 50.0, 49.9)] == [
        "strong",
        "mixed",
        "mixed",
        "defensive",
    ]
