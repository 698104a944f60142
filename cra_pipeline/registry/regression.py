"""Whether a version in service became worse than what it was promoted for.

The next round measures it again, as its incumbent, on other tasks: so only intervals are held
against each other, never mere values.
"""

from __future__ import annotations

from dataclasses import dataclass

from cra_pipeline.contracts.gates import Estimate, GateReport


@dataclass(frozen=True, slots=True, kw_only=True)
class Regression:
    """A finding against a version in service.

    Attributes:
        version: As it was measured.
        adapter_kind: Its kind.
        metric: The primary metric.
        report: Digest of the gate report that shows it.
        words: What was found and against what, for the ledger.
    """

    version: str
    adapter_kind: str
    metric: str
    report: str
    words: str


def regression_of(later: GateReport, promoted: GateReport) -> Regression | None:
    """What a later round's report says against its incumbent; None where it is no worse.

    Args:
        later: Report of a round in which the version was the incumbent.
        promoted: Report on which the version was promoted.

    Raises:
        ValueError: The two reports are not of the same adapter.
    """
    if later.incumbent_digest != promoted.adapter_digest:
        raise ValueError(
            f"{later.adapter_kind} {later.round}: incumbent {later.incumbent_digest[:12]}, "
            f"expected {promoted.adapter_digest[:12]}"
        )
    now = _figure(later, "incumbent", later.primary)
    if now is None:
        return None
    for name, then in (
        (f"the base in {later.round}", _figure(later, "base", later.primary)),
        (f"itself in {promoted.round}", _figure(promoted, "candidate", later.primary)),
    ):
        if then is not None and now.high < then.low:
            words = f"{later.primary} {_words(now)} against {_words(then)} of {name}"
            return Regression(
                version=later.incumbent,
                adapter_kind=later.adapter_kind,
                metric=later.primary,
                report=later.digest(),
                words=words,
            )
    return None


def _figure(report: GateReport, arm: str, metric: str) -> Estimate | None:
    found = (item for item in report.figures if (item.arm, item.metric) == (arm, metric))
    return next((item.estimate for item in found), None)


def _words(estimate: Estimate) -> str:
    return f"{estimate.value:.3f} [{estimate.low:.3f}, {estimate.high:.3f}]"
