"""What a campaign's attempts left behind is kept, whatever a run of other attempts asks for."""

from __future__ import annotations

import pytest

from cra_pipeline.contracts.tasks import AttemptRow, Outcome, TaskRow
from cra_pipeline.contracts.testrun import TestRunReport, TestRunRequest
from cra_pipeline.contracts.workspace import Layout
from cra_pipeline.harness.policy import AttemptPolicy
from cra_pipeline.harness.stage.adopted import trace_path
from cra_pipeline.harness.stage.attempts import run_attempts
from cra_pipeline.integrations.evidence import seal_table, write_check
from cra_pipeline.integrations.files import append_journal
from cra_pipeline.integrations.journals import Line
from cra_pipeline_tests.harness.conftest import REPO, Ledger

KEY = f"{REPO}|r01"


class Idle:
    """A runner that is never asked."""

    def run(self, request: TestRunRequest) -> TestRunReport:
        raise AssertionError(f"asked to run {request.test_files}")


def remembered(layout: Layout, name: str, campaign: str) -> None:
    """An attempt that the journal knows, with its trace."""
    row = AttemptRow(
        attempt_id=name,
        task_id="t",
        repo=REPO,
        round="r01",
        agent="clean_room",
        configuration="monolithic",
        temperature=0.0,
        seed=0,
        patch="",
        outcome=Outcome.PASSED,
        reason="",
        detail="",
        failed_tests=(),
        imports=True,
        campaign=campaign,
    )
    append_journal(layout.journal("attempts", KEY), Line[AttemptRow](key=name, row=row))
    trace = trace_path(layout, KEY, name)
    trace.parent.mkdir(parents=True, exist_ok=True)
    trace.write_text("{}")


@pytest.mark.parametrize("policy", [AttemptPolicy(limit=1), AttemptPolicy(agents=())])
def test_traces_of_campaigns_outlive_a_run_with_a_limit_of_its_own(
    ledger: Ledger, policy: AttemptPolicy
) -> None:
    layout = ledger.layout
    tasks = seal_table(layout, "tasks", REPO, [], TaskRow, reasons=[], inputs=[], policy="{}")
    write_check(layout, tasks, [])
    remembered(layout, "bought", "c1")
    remembered(layout, "stale", "")
    run_attempts(layout, REPO, "r01", policy=policy, runner=Idle())

    assert trace_path(layout, KEY, "bought").is_file()
    assert not trace_path(layout, KEY, "stale").exists()
