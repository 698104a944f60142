"""When a version has to go."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cra_pipeline.serving.health import Health, HealthPolicy
from cra_pipeline.serving.proportions import wilson


def heard(pattern: str, policy: HealthPolicy | None = None) -> list[str]:
    """Reasons after each request; ``x`` is a failed one."""
    health = Health("scope-v2", policy or HealthPolicy())
    return [health.heard("status 500" if letter == "x" else "") for letter in pattern]


@pytest.mark.parametrize(
    ("pattern", "goes"),
    [
        ("x" * 19, False),
        ("x" * 20, True),
        ("." * 17 + "xxx", False),
        ("." * 14 + "x" * 6, True),
        ("." * 1000, False),
        (("." * 19 + "x") * 20, False),
        ("." * 1000 + "x" * 40, True),
    ],
)
def test_a_version_goes_once_chance_does_not_explain_its_failures(pattern: str, goes: bool) -> None:  # noqa: FBT001  # a table
    assert bool(heard(pattern)[-1]) is goes


def test_the_reason_tells_numbers_and_the_last_failure() -> None:
    assert heard("x" * 20)[-1] == (
        "20 of its last 20 requests failed, at least 84% by Wilson's interval, 10% are borne; "
        "the last: status 500"
    )


@given(st.text(alphabet=".x", max_size=60))
def test_a_good_answer_takes_nothing_back(pattern: str) -> None:
    assert heard(pattern + ".")[-1] == ""


@given(st.integers(0, 300), st.integers(1, 300))
def test_the_interval_holds_the_share(hits: int, more: int) -> None:
    of = hits + more
    low, high = wilson(hits, of)

    assert 0 <= low <= hits / of <= high <= 1


def test_the_interval_is_that_of_the_library() -> None:
    # scipy.stats.binomtest(7, 40).proportion_ci(method="wilson"), which takes two seconds to load.
    assert wilson(7, 40) == pytest.approx((0.087454137460, 0.319499903318))
    with pytest.raises(ValueError, match="no share"):
        wilson(2, 1)
