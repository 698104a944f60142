"""Whether a version in service has become worse than what it replaced: advice to roll back. Pure.

The arm ``incumbent`` of a later round measures it on commits that lie in its future; nothing else
has to be run. Two things count: it is surely below the base now, or its figure surely lies below
the one that it was promoted for.
"""

from __future__ import annotations

from dataclasses import dataclass

from cra_pipeline.contracts.gates import Estimate, GateReport, PairedChange
from cra_pipeline.gates.case import Case, call_kinds_of
from cra_pipeline.gates.paired import measured
from cra_pipeline.gates.policy import GatePolicy, rules_of
from cra_pipeline.gates.tallies import tally
from cra_pipeline.gates.wording import percent, points


@dataclass(frozen=True, slots=True, kw_only=True)
class RollbackAdvice:
    """A version that should go out of service.

    Attributes:
        adapter_kind: Of the version.
        version: The active one.
        round: Where it was measured again.
        reason: For the ledger: what fell, with its interval.
    """

    adapter_kind: str
    version: str
    round: str
    reason: str


def regression(
    later: Case, promoted_for: GateReport | None, policy: GatePolicy
) -> RollbackAdvice | None:
    """Advice on the version that was active when a later round was opened; None where it holds.

    Args:
        later: Rows of the later round, with the version as incumbent.
        promoted_for: Report that the version was promoted with; None where there is none.
        policy: Draws, and the least number of tasks below which nothing is said.
    """
    rules = rules_of(later.adapter_kind)
    tallies = tally(later.attempts, later.answers, rules, call_kinds_of(later.adapter_kind))
    few = len(tallies.tasks) < max(1, policy.least_tasks)
    if not later.incumbent or few or not {"base", "incumbent"} <= tallies.arms.keys():
        return None
    held = measured(tallies, draws=policy.draws, seed=policy.seed)
    change = held.change(rules.primary, "base", of="incumbent")
    now = held.figure("incumbent", rules.primary)
    then = _promoted_at(promoted_for, rules.primary)
    reasons = [*_below_base(rules.primary, change), *_fallen(rules.primary, now, then)]
    if not reasons:
        return None
    return RollbackAdvice(
        adapter_kind=later.adapter_kind,
        version=later.incumbent,
        round=later.round,
        reason="; ".join(reasons),
    )


def _promoted_at(report: GateReport | None, metric: str) -> Estimate | None:
    figures = report.figures if report else ()
    return next(
        (item.estimate for item in figures if (item.arm, item.metric) == ("candidate", metric)),
        None,
    )


def _below_base(metric: str, change: PairedChange | None) -> list[str]:
    if change is None or change.estimate.high >= 0:
        return []
    return [f"{metric} is below the base: {points(change)}"]


def _fallen(metric: str, now: Estimate | None, then: Estimate | None) -> list[str]:
    if now is None or then is None or now.high >= then.low:
        return []
    return [f"{metric} fell to {percent(now)} from the {percent(then)} that it was promoted for"]
