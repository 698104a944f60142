"""Jobs, one per stage and partitioning, and the sensor on dropped repo packages.

A job takes its partitions from its assets, so it cannot hold two partitionings.
"""

import json

import dagster as dg

from cra_pipeline.definitions.intake import take_in
from cra_pipeline.definitions.partitions import REPO
from cra_pipeline.definitions.resources import Workspace
from cra_pipeline.errors import PipelineError
from cra_pipeline.packages.stage import pending_drops

SNAPSHOT_JOB = dg.define_asset_job("snapshot_job", ["repo_snapshots"])
COMMIT_JOB = dg.define_asset_job("commit_job", ["commits"])
PACKAGE_JOB = dg.define_asset_job("package_job", ["repo_packages"])
TASK_JOB = dg.define_asset_job("task_job", ["tasks"])
ATTEMPT_JOB = dg.define_asset_job("attempt_job", ["attempts", "triples"])
PAIR_JOB = dg.define_asset_job("pair_job", ["preference_pairs"])
COLD_START_JOB = dg.define_asset_job("cold_start_job", ["cold_start"])
LOG_JOB = dg.define_asset_job("log_job", ["raw_snapshot", "training_plan"])
ROUND_JOB = dg.define_asset_job(
    "round_job", ["round_increment", "round_pool", "holdout", "plan_documents"]
)
BUNDLE_JOB = dg.define_asset_job("bundle_job", ["base_bundle"])
SFT_JOB = dg.define_asset_job("sft_job", ["sft_dataset"])
DPO_JOB = dg.define_asset_job("dpo_job", ["dpo_dataset"])
ADAPTER_JOB = dg.define_asset_job("adapter_job", ["adapter"])
HOLDOUT_ATTEMPT_JOB = dg.define_asset_job("holdout_attempt_job", ["holdout_attempts"])
GATE_JOB = dg.define_asset_job("gate_job", ["gate_report"])
ROUND_GATE_JOB = dg.define_asset_job("round_gate_job", ["round_gate"])
REGISTRY_JOB = dg.define_asset_job("registry_job", ["registry_entry"])
DEPLOYMENT_JOB = dg.define_asset_job("deployment_job", ["deployment"])
INTAKE_JOB = dg.define_asset_job(
    "intake_job",
    ["repo_snapshots", "commits", "repo_packages", "tasks"],
    description="All that a dropped repo package leads to before a round is involved.",
)
JOBS = [
    SNAPSHOT_JOB,
    COMMIT_JOB,
    PACKAGE_JOB,
    TASK_JOB,
    ATTEMPT_JOB,
    PAIR_JOB,
    COLD_START_JOB,
    LOG_JOB,
    ROUND_JOB,
    BUNDLE_JOB,
    SFT_JOB,
    DPO_JOB,
    ADAPTER_JOB,
    HOLDOUT_ATTEMPT_JOB,
    GATE_JOB,
    ROUND_GATE_JOB,
    REGISTRY_JOB,
    DEPLOYMENT_JOB,
    INTAKE_JOB,
]


@dg.sensor(
    job=INTAKE_JOB,
    minimum_interval_seconds=30,
    default_status=dg.DefaultSensorStatus.RUNNING,
)
def dropped_packages(
    context: dg.SensorEvaluationContext, workspace: Workspace
) -> dg.SensorResult | dg.SkipReason:
    """Takes in every repo package whose ``drops/*/manifest.json`` is new, and asks for its tasks.

    The cursor holds the hash of each manifest that was looked at, refused ones included: a
    package is judged again when its manifest changes, not when it is touched.
    """
    seen: dict[str, str] = json.loads(context.cursor or "{}")
    found = dict(pending_drops(workspace.layout))
    fresh = {name: digest for name, digest in found.items() if seen.get(name) != digest}
    if not fresh:
        return dg.SkipReason("no manifest is new")
    taken = {digest: _take_in(context, workspace, name) for name, digest in fresh.items()}
    accepted = {digest: repo for digest, repo in taken.items() if repo is not None}
    return dg.SensorResult(
        run_requests=[
            dg.RunRequest(run_key=digest, partition_key=repo) for digest, repo in accepted.items()
        ],
        dynamic_partitions_requests=[REPO.build_add_request(sorted(set(accepted.values())))],
        cursor=json.dumps(seen | found, sort_keys=True),
    )


def _take_in(context: dg.SensorEvaluationContext, workspace: Workspace, name: str) -> str | None:
    """The dropped package's repository, or None where it was refused (the log says why).

    Dagster does not check dynamic keys: ``take_in`` refuses a name that is no slug.
    """
    try:
        return take_in(workspace.layout, workspace.layout.drops / name)
    except PipelineError as error:
        # No traceback: the text says what to do.
        context.log.error("drops/%s was refused: %s", name, error)  # noqa: TRY400  # as said above
        return None
