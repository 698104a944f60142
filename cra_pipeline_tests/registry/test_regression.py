"""Only intervals that do not touch are a regression."""

from __future__ import annotations

import pytest

from cra_pipeline.contracts.gates import ArmFigure, GateReport
from cra_pipeline.registry.regression import regression_of
from cra_pipeline_tests.registry.worlds import arm, candidate

PROMOTED = candidate(0.9, 0.8, 0.95)


def report(*figures: ArmFigure, round_name: str = "r02", incumbent: str = "a") -> GateReport:
    return GateReport(
        adapter_kind="scope", round=round_name, base_digest="b", adapter_digest="a",
        incumbent="scope-v1", incumbent_digest=incumbent, primary="relevant_recall",
        decision="failed", requirements=(), figures=figures, changes=(), tasks=40, inputs=(),
        policy="{}",
    )  # fmt: skip


@pytest.mark.parametrize(
    ("incumbent", "base", "words"),
    [
        (arm("incumbent", 0.85, 0.8, 0.9), arm("base", 0.5, 0.4, 0.6), None),
        (arm("incumbent", 0.7, 0.6, 0.8), arm("base", 0.5, 0.4, 0.6), None),
        (arm("incumbent", 0.7, 0.6, 0.79), arm("base", 0.5, 0.4, 0.6), "of itself in r01"),
        (arm("incumbent", 0.3, 0.2, 0.4), arm("base", 0.6, 0.5, 0.7), "of the base in r02"),
        (arm("incumbent", 0.85, 0.8, 0.9), arm("base", 0.95, 0.89, 1.0), None),
    ],
)
def test_a_version_regressed_where_its_interval_lies_below(
    incumbent: ArmFigure, base: ArmFigure, words: str | None
) -> None:
    found = regression_of(report(incumbent, base), report(PROMOTED, round_name="r01"))

    assert (found is None) == (words is None)
    if found is not None and words is not None:
        assert words in found.words
        assert found.version == "scope-v1"


def test_without_a_figure_there_is_no_finding() -> None:
    nothing = ArmFigure(arm="incumbent", metric="relevant_recall", estimate=None)

    assert regression_of(report(nothing), report(PROMOTED)) is None
    assert regression_of(report(), report(PROMOTED)) is None


def test_reports_of_two_adapters_are_not_compared() -> None:
    with pytest.raises(ValueError, match="incumbent z, expected a"):
        regression_of(report(incumbent="z"), report(PROMOTED))
