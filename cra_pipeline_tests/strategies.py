"""One Hypothesis strategy per record: everything that the record's type allows.

Most fields follow from their annotation; only those with a rule of their own are named here.
"""

from __future__ import annotations

import enum
import types
from pathlib import Path
from typing import Any, Literal, TypeVar, Union, get_args, get_origin

from hypothesis import strategies as st

from cra_pipeline.contracts import (
    adapters,
    agents,
    bases,
    bundles,
    calls,
    campaigns,
    cold_start,
    commits,
    datasets,
    gates,
    holdout,
    logs,
    manifests,
    packages,
    plans,
    ranking,
    reading,
    registry,
    rewordings,
    rounds,
    sandbox,
    serving,
    sources,
    takedowns,
    tasks,
    testrun,
    triples,
)
from cra_pipeline.contracts.record import Record

R = TypeVar("R", bound=Record)

slugs = st.from_regex(r"[a-z0-9][a-z0-9._-]{0,20}", fullmatch=True)
commit_ids = st.from_regex(r"[0-9a-f]{40}", fullmatch=True)
round_names = st.integers(1, 999).map(lambda number: f"r{number:02d}")

_SCALARS: dict[Any, st.SearchStrategy[Any]] = {
    str: st.text(max_size=12),
    # What a column of a table can hold.
    int: st.integers(-(2**63), 2**63 - 1),
    float: st.floats(allow_nan=False, allow_infinity=False),
    bool: st.booleans(),
    bytes: st.text(max_size=12).map(str.encode),
    Path: slugs.map(lambda name: Path("/srv") / name),
}


def records(record: type[R], **fields: st.SearchStrategy[Any]) -> st.SearchStrategy[R]:
    """Any ``record``; ``fields`` replace what would follow from the annotation."""
    drawn = {
        name: fields[name] if name in fields else _of(field.annotation)
        for name, field in record.model_fields.items()
    }
    return st.builds(record, **drawn)


def _of(annotation: Any) -> st.SearchStrategy[Any]:  # noqa: ANN401, PLR0911  # any annotation, one line each
    if annotation in _SCALARS:
        return _SCALARS[annotation]
    origin, inner = get_origin(annotation), get_args(annotation)
    if origin in {Union, types.UnionType}:
        return st.one_of([_of(part) for part in inner])
    if origin is Literal:
        return st.sampled_from(inner)
    if origin is tuple and inner[-1] is Ellipsis:
        return st.lists(_of(inner[0]), max_size=3).map(tuple)
    if origin is tuple:
        return st.tuples(*(_of(part) for part in inner))
    if annotation is type(None):
        return st.none()
    if issubclass(annotation, enum.Enum):
        return st.sampled_from(list(annotation))
    return OF[annotation] if annotation in OF else records(annotation)


OF: dict[type[Record], st.SearchStrategy[Any]] = {}
"""Strategies by record, filled below in the order in which records hold each other."""


def _listed(record: type[R], **fields: st.SearchStrategy[Any]) -> st.SearchStrategy[R]:
    OF[record] = records(record, **fields)
    return OF[record]


counts = _listed(manifests.Count)
inputs = _listed(manifests.Input)
asset_manifests = _listed(manifests.AssetManifest)
check_reports = _listed(manifests.CheckReport)

repo_sources = _listed(sources.RepoSource, name=slugs, revision=commit_ids)
repo_snapshots = _listed(sources.RepoSnapshot)
scan_findings = _listed(sources.ScanFinding)
scan_reports = _listed(sources.ScanReport)
round_records = _listed(rounds.RoundRecord, round=round_names)
kind_closings = _listed(rounds.KindClosing)
round_closings = _listed(rounds.RoundClosing)

changed_symbols = _listed(commits.ChangedSymbol)
commit_rows = _listed(commits.CommitRow)

wheel_pins = _listed(packages.WheelPin)
environment_locks = _listed(packages.EnvironmentLock)
text_files = _listed(packages.TextFile)
environment_rows = _listed(packages.EnvironmentRow)
manifest_files = _listed(packages.ManifestFile)
repo_manifests = _listed(packages.RepoManifest)

limits = _listed(sandbox.Limits)
binds = _listed(sandbox.Bind)
sandbox_requests = _listed(sandbox.SandboxRequest)
sandbox_results = _listed(sandbox.SandboxResult)

model_requests = _listed(calls.ModelRequest)
model_answers = _listed(calls.ModelAnswer)
call_records = _listed(calls.CallRecord)
indexed_symbols = _listed(calls.IndexedSymbol)

agent_settings = _listed(agents.AgentSettings)
attempt_plans = _listed(agents.AttemptPlan)
agent_runs = _listed(agents.AgentRun)
responder_specs = _listed(campaigns.ResponderSpec)
rewording_rows = _listed(rewordings.RewordingRow)
campaign_specs = _listed(campaigns.CampaignSpec)
campaign_uses = _listed(campaigns.CampaignUse)

messages = _listed(datasets.Message)
origins = _listed(datasets.Origin)
sft_examples = _listed(datasets.SftExample)
dpo_examples = _listed(datasets.DpoExample)
candidate_rows = _listed(datasets.CandidateRow)
row_origins = _listed(datasets.RowOrigin)
plan_document_rows = _listed(datasets.PlanDocumentRow)
pool_rows = _listed(datasets.PoolRow)
dataset_manifests = _listed(datasets.DatasetManifest)
cold_start_files = _listed(cold_start.ColdStartFile)
cold_start_plans = _listed(cold_start.ColdStartPlan)
holdout_rows = _listed(holdout.HoldoutRow)
reading_mark = _listed(reading.ReadingMark)
reading_marks = _listed(reading.ReadingMarks)
trace_steps = _listed(takedowns.TraceStep)
descendants = _listed(takedowns.Descendant)
takedown_records = _listed(takedowns.Takedown)

snapshot_table_rows = _listed(logs.SnapshotTable)
run_log_rows = _listed(logs.RunLog)
logged_call_rows = _listed(logs.LoggedCall)
retrieval_decision_rows = _listed(logs.RetrievalDecision)
edit_try_rows = _listed(logs.EditTry)
validation_log_rows = _listed(logs.ValidationLog)
task_log_rows = _listed(logs.TaskLog)
answer_group_rows = _listed(logs.AnswerGroup)
call_group_rows = _listed(logs.CallGroup)
verdict_group_rows = _listed(logs.VerdictGroup)
stock_group_rows = _listed(logs.StockGroup)
call_evidence_rows = _listed(logs.CallEvidence)

rate_rows = _listed(plans.Rate)
round_rates_rows = _listed(plans.RoundRates)
call_kind_facts_rows = _listed(plans.CallKindFacts)
call_cost_rows = _listed(plans.CallCost)
call_costs_rows = _listed(plans.CallCosts)
stock_rows = _listed(plans.Stock)
call_ref_rows = _listed(plans.CallRef)
recipe_rows = _listed(plans.Recipe)
target_rows = _listed(plans.Target)
adapter_plan_rows = _listed(plans.AdapterPlan)
training_plan_rows = _listed(plans.TrainingPlan)
ranker_weights_rows = _listed(ranking.RankerWeights)

test_tallies = _listed(tasks.TestTally)
control_results = _listed(tasks.ControlResult)
gold_runs = _listed(tasks.GoldRun)
task_rows = _listed(tasks.TaskRow)
proposals = _listed(tasks.Proposal)
attempt_rows = _listed(tasks.AttemptRow)

test_outcomes = _listed(testrun.TestOutcome)
test_run_requests = _listed(testrun.TestRunRequest)
test_run_reports = _listed(testrun.TestRunReport)

triple_rows = _listed(triples.TripleRow)
preference_pairs = _listed(triples.PreferencePair)

base_records = _listed(
    bases.BaseRecord,
    files=st.lists(inputs, max_size=3).map(
        lambda items: tuple(sorted(items, key=lambda item: item.name))
    ),
)
bundle_rows = _listed(bundles.BundleRow)
bundle_recipes = _listed(bundles.BundleRecipe)
bundle_manifests = _listed(bundles.BundleManifest)
bundle_results = _listed(bundles.BundleResult)
phases = _listed(adapters.Phase)
adapter_recipes = _listed(adapters.AdapterRecipe)
training_events = _listed(adapters.TrainingEvent)
memory_answers = _listed(adapters.MemoryAnswer)
adapter_manifests = _listed(adapters.AdapterManifest)
training_paces = _listed(adapters.TrainingPace)

holdout_attempts = _listed(gates.HoldoutAttempt)
holdout_answers = _listed(gates.HoldoutAnswer)
estimates = _listed(gates.Estimate)
arm_figures = _listed(gates.ArmFigure)
paired_changes = _listed(gates.PairedChange)
requirements = _listed(gates.Requirement)
gate_reports = _listed(gates.GateReport)
round_gate_reports = _listed(gates.RoundGateReport)

ledger_lines = _listed(registry.LedgerLine)
ledger_heads = _listed(registry.LedgerHead)
version_states = _listed(registry.VersionState)

served_adapters = _listed(serving.ServedAdapter)
in_service = _listed(serving.InService)
base_figures = _listed(serving.BaseFigures)
server_instances = _listed(serving.ServerInstance)
serving_groups = _listed(serving.ServingGroup)
serving_layouts = _listed(serving.ServingLayout)
deployed_answers = _listed(serving.DeployedAnswer)
deployed_versions = _listed(serving.DeployedVersion)
deployments = _listed(serving.Deployment)
comparisons = _listed(serving.Comparison)
kind_agreements = _listed(serving.KindAgreement)
asked_both = _listed(serving.AskedBoth)
migration_reports = _listed(serving.MigrationReport)
