"""Advice on what was measured: other data, or back to an earlier version."""

from __future__ import annotations

from typing import Literal

import pytest

from cra_pipeline.contracts.gates import GateReport, Requirement
from cra_pipeline.contracts.rounds import RoundRecord
from cra_pipeline.contracts.sources import RepoSource
from cra_pipeline.gates.plateau import candidates, plateaus
from cra_pipeline.gates.policy import GatePolicy
from cra_pipeline.gates.regression import regression
from cra_pipeline.gates.verdict import judge
from cra_pipeline_tests.gates.arms import MODELS, attempts, case

POLICY = GatePolicy(draws=500, least_tasks=20, least_forgetting_tasks=5)


def report(round_name: str, gain: bool | None, kind: str = "scope") -> GateReport:  # noqa: FBT001  # None is a third value
    decision: Literal["passed", "failed", "not_enough_evidence"] = (
        "not_enough_evidence" if gain is None else "passed" if gain else "failed"
    )
    gains = (Requirement(name="gain_against_base", holds=gain, found="", expected=""),)
    made = judge(case([], kind=kind), POLICY)
    return made.model_copy(
        update={"round": round_name, "decision": decision, "requirements": gains}
    )


def source(name: str, domain: str, tier: str = "full") -> RepoSource:
    return RepoSource.model_validate(
        {"name": name, "url": f"https://example.org/{name}", "revision": "0" * 40,
         "domain": domain, "roles": ("P",), "tier": tier, "licence": "MIT"}
    )  # fmt: skip


RECORD = RoundRecord(
    round="r01", cut_off=1, pins=(("attrs", "0" * 40), ("cattrs", "0" * 40)), held_out=()
)
SOURCES = [
    source("attrs", "validation"),
    source("cattrs", "validation"),
    source("pydantic", "validation"),
    source("rich", "terminal"),
    source("click", "terminal"),
    source("handbook", "documents", "document"),
]


@pytest.mark.parametrize(
    ("gains", "expected"),
    [
        ([True, False], False),
        ([False], False),
        ([False, False], True),
        ([True, False, False], True),
        ([False, False, True], False),
        ([False, None, False], True),
        ([False, None], False),
    ],
)
def test_two_judged_rounds_without_a_gain_are_a_plateau(
    gains: list[bool | None],
    expected: bool,  # noqa: FBT001  # a column of the table
) -> None:
    reports = [report(f"r{number:02d}", gain) for number, gain in enumerate(gains, 1)]

    assert bool(plateaus(reversed(reports), [RECORD], SOURCES)) is expected


def test_the_advice_names_new_domains_first() -> None:
    (found,) = plateaus([report("r09", False), report("r10", False)], [RECORD], SOURCES)

    assert found.rounds == ("r09", "r10")
    assert found.candidates == (
        ("terminal", "click"),
        ("terminal", "rich"),
        ("validation", "pydantic"),
    )
    assert "such as click (terminal)" in found.advice


def test_where_every_repository_is_in_a_round_new_ones_are_asked_for() -> None:
    (found,) = plateaus([report("r01", False), report("r02", False)], [RECORD], SOURCES[:2])

    assert candidates([RECORD], SOURCES[:2]) == ()
    assert "cra-pipeline add SOURCE" in found.advice


def test_a_version_that_is_now_below_the_base_should_be_rolled_back() -> None:
    rows = [
        *attempts("base", "p" * 30),
        *attempts("incumbent", "p" * 10 + "f" * 20),
        *attempts("candidate", "p" * 30),
    ]
    found = regression(case(rows, incumbent="execute_code-v1"), None, POLICY)

    assert found is not None
    assert found.version == "execute_code-v1"
    assert "pass_at_1 is below the base: -66.7 points" in found.reason


def test_a_version_that_fell_from_what_it_was_promoted_for_should_be_rolled_back() -> None:
    promoted = judge(case([*attempts("base", "f" * 40), *attempts("candidate", "p" * 40)]), POLICY)
    rows = [row for arm in MODELS for row in attempts(arm, "p" * 10 + "f" * 30)]
    found = regression(case(rows, incumbent="execute_code-v1"), promoted, POLICY)

    assert found is not None
    assert "fell to 25.0 %" in found.reason


@pytest.mark.parametrize("count", [5, 40])
def test_a_version_that_holds_or_was_hardly_measured_stays(count: int) -> None:
    rows = [
        *attempts("base", "p" * (count - 1) + "f"),
        *attempts("incumbent", ("f" if count < 20 else "p") * count),
        *attempts("candidate", "p" * count),
    ]

    assert regression(case(rows, incumbent="execute_code-v1"), None, POLICY) is None
