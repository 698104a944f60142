"""What an adapter may have unlearnt: measured on held-out repositories alone.

Commits after the cut-off come from repositories that the adapter was trained on; there it may be
better for knowing them. Held-out repositories are in no training set of any round.
"""

from __future__ import annotations

from collections.abc import Iterator

from cra_pipeline.contracts.gates import Requirement
from cra_pipeline.gates.paired import measured
from cra_pipeline.gates.policy import GatePolicy, rules_of
from cra_pipeline.gates.tallies import Tallies
from cra_pipeline.gates.wording import points

FORGETTING = "forgetting:"


def forgetting(adapter_kind: str, tallies: Tallies, policy: GatePolicy) -> Iterator[Requirement]:
    """The kind's own metric and end-to-end success fall by less than the margin.

    Args:
        adapter_kind: Of the candidate.
        tallies: Of all tasks, with the arms ``base`` and ``candidate``.
        policy: The margin, and how many tasks the suite must have.
    """
    suite = tallies.only(tallies.held_out)
    rules = rules_of(adapter_kind)
    metrics = dict.fromkeys([rules.primary, *([] if rules.form == "outcome" else ["end_to_end"])])
    expected = (
        f"lower bound above {-100 * policy.forgetting_margin:.0f} points on at least "
        f"{policy.least_forgetting_tasks} tasks of held-out repositories"
    )
    for metric in metrics:
        if len(suite.tasks) < policy.least_forgetting_tasks:
            yield Requirement(
                name=f"{FORGETTING}{metric}",
                holds=None,
                found=f"{len(suite.tasks)} tasks",
                expected=expected,
            )
            continue
        change = measured(suite, draws=policy.draws, seed=policy.seed).change(metric, "base")
        yield Requirement(
            name=f"{FORGETTING}{metric}",
            holds=None if change is None else change.estimate.low > -policy.forgetting_margin,
            found=f"{points(change)} on {len(suite.tasks)} tasks",
            expected=expected,
        )
