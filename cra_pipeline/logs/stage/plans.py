"""Makes a round's training plan, records it in the agent's own table, and checks it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from cra_pipeline.contracts.manifests import AssetManifest, CheckReport, Input
from cra_pipeline.contracts.plans import AdapterPlan, CallCosts, TrainingPlan
from cra_pipeline.contracts.reports import StageReport
from cra_pipeline.contracts.workspace import Layout
from cra_pipeline.errors import StoreError
from cra_pipeline.integrations.cut_offs import note_on_cut_off
from cra_pipeline.integrations.evidence import require_checked, seal_table, write_check
from cra_pipeline.integrations.files import (
    partition_lock,
    read_record,
    read_table,
    write_bytes,
    write_record,
)
from cra_pipeline.integrations.plots import bar_plot
from cra_pipeline.integrations.raw_db.training import PlanEntry, record_plans
from cra_pipeline.logs.check import plan_findings
from cra_pipeline.logs.entries import entries
from cra_pipeline.logs.facts import call_costs
from cra_pipeline.logs.plan import PlanInputs, training_plan
from cra_pipeline.logs.policy import PlanPolicy
from cra_pipeline.logs.report import report
from cra_pipeline.logs.stage.evidence import made_partitions, rounds_until
from cra_pipeline.logs.stage.lakes import SNAPSHOT, log_analysis

PLAN = "training_plan"
_EVIDENCE = ("attempts", "triples", "preference_pairs")


def plan_path(layout: Layout, round_name: str) -> Path:
    """The plan itself."""
    return layout.partition(PLAN, round_name) / "plan.json"


def report_path(layout: Layout, round_name: str) -> Path:
    """The plan for people."""
    return layout.partition(PLAN, round_name) / "report.md"


def make_plan(layout: Layout, round_name: str, *, policy: PlanPolicy | None = None) -> StageReport:
    """Write a round's plan, its report and its rows in ``training_plans``.

    Rows are written where the workspace has a raw database; the same plan is written once.

    Raises:
        CheckError: The snapshot, or attempts, triples or pairs of a round are not ready.
        RoundError: The round is not open.
        StoreError: A table or database is damaged.
        BusyError: Another run is at work on this partition.
    """
    rules = policy or PlanPolicy()
    with partition_lock(layout, PLAN, round_name):
        inputs = _inputs(layout, round_name)
        with _evidence(layout, round_name) as found:
            plan = training_plan(found, rules)
            costs = CallCosts(round=round_name, kinds=call_costs(found.calls))
        layout.manifest(PLAN, round_name).unlink(missing_ok=True)
        write_record(plan_path(layout, round_name), plan)
        write_record(layout.partition(PLAN, round_name) / "costs.json", costs)
        page = report(plan, costs.kinds, confidence=rules.confidence)
        write_bytes(report_path(layout, round_name), page.encode())
        manifest = _seal(layout, plan, inputs)
        if layout.raw_db.exists():
            record_plans(layout.raw_db, [PlanEntry(**row._asdict()) for row in entries(plan)])
    return StageReport(manifest=manifest, preview=_preview(plan), plot=_plot(layout, plan))


def check_plan(layout: Layout, round_name: str) -> CheckReport:
    """Make the plan again from the evidence, compare, and store the result.

    Raises:
        StoreError: The plan was not made, or a table is damaged.
    """
    manifest = read_record(layout.manifest(PLAN, round_name), AssetManifest)
    plan = read_plan(layout, round_name)
    rows = read_table(layout.table(PLAN, round_name), AdapterPlan)
    try:
        policy = PlanPolicy.parse(plan.policy)
    except ValueError as error:
        raise StoreError(
            f"{plan_path(layout, round_name)}: {error}; make the plan again"
        ) from error
    with _evidence(layout, round_name) as found:
        again = training_plan(found, policy)
    return write_check(layout, manifest, plan_findings(plan, rows, again))


def read_plan(layout: Layout, round_name: str) -> TrainingPlan:
    """The stored plan.

    Raises:
        StoreError: It was not made, or is damaged.
    """
    return read_record(plan_path(layout, round_name), TrainingPlan)


def _inputs(layout: Layout, round_name: str) -> list[Input]:
    keys = [
        (asset, key)
        for record in rounds_until(layout, round_name)
        for asset in _EVIDENCE
        for key in made_partitions(layout, asset, record)
    ]
    return [
        require_checked(layout, SNAPSHOT, round_name),
        *(require_checked(layout, asset, key) for asset, key in keys),
    ]


@contextmanager
def _evidence(layout: Layout, round_name: str) -> Iterator[PlanInputs]:
    records = rounds_until(layout, round_name)
    names = tuple(record.round for record in records)
    held_out = tuple(sorted({repo for record in records for repo in record.held_out}))
    keys = [key for record in records for key in made_partitions(layout, "attempts", record)]
    with log_analysis(layout, round_name, keys) as logs:
        yield PlanInputs(
            round=round_name,
            rounds=names,
            held_out=held_out,
            calls=logs.call_groups(names, held_out),
            answers=logs.answers(names, held_out),
            verdicts=logs.verdicts(names, held_out),
            stock=logs.stock(names, held_out),
            evidence=lambda kind: logs.evidence(kind, names, held_out),
            notes=tuple(filter(None, [note_on_cut_off(layout, records[-1])])),
        )


def _seal(layout: Layout, plan: TrainingPlan, inputs: Sequence[Input]) -> AssetManifest:
    return seal_table(
        layout,
        PLAN,
        plan.round,
        plan.adapters,
        AdapterPlan,
        reasons=[item.decision for item in plan.adapters],
        inputs=inputs,
        policy=plan.policy,
    )


def _preview(plan: TrainingPlan) -> tuple[dict[str, str], ...]:
    return tuple(
        {
            "adapter": item.adapter_kind,
            "decision": item.decision,
            "examples": f"{item.examples} of {item.wanted}",
            "reason": item.reason,
        }
        for item in plan.adapters
    )


def _plot(layout: Layout, plan: TrainingPlan) -> bytes:
    return bar_plot(
        f"{plan.round}: examples before curation",
        [(item.adapter_kind, item.examples) for item in plan.adapters],
        unit="examples",
        cache=layout.scratch / "matplotlib",
    )
