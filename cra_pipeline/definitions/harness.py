"""Assets of the harness: proven tasks, judged attempts, labelled triples."""

from pathlib import Path

import dagster as dg
from pydantic import Field

from cra_pipeline.corpus.stage import ensure_first_round
from cra_pipeline.definitions.checks import partition_check
from cra_pipeline.definitions.commits import commits
from cra_pipeline.definitions.metadata import judged, materialized
from cra_pipeline.definitions.packages import repo_packages
from cra_pipeline.definitions.partitions import REPO, REPO_BY_ROUND, repo_and_round
from cra_pipeline.definitions.resources import (
    INFRASTRUCTURE_RETRIES,
    SANDBOX_POOL,
    ProgressSource,
    SandboxedTests,
    Workspace,
    refusals,
)
from cra_pipeline.harness.campaigning import CampaignLimits, CampaignTerms
from cra_pipeline.harness.policy import AttemptPolicy, TaskPolicy
from cra_pipeline.harness.stage.attempts import check_attempts, run_attempts
from cra_pipeline.harness.stage.tasks import admit_tasks, check_tasks
from cra_pipeline.harness.stage.triples import check_triples, label_triples


class TaskConfig(dg.Config):
    """What one run may change.

    Attributes:
        limit: Newest qualified commits of each kind to try; 0 for all.
        wall_s: Seconds that one test run may take.
        cpu_s: Seconds of processor time that one test run may use.
    """

    limit: int = TaskPolicy().limit
    wall_s: float = TaskPolicy().limits.wall_s
    cpu_s: int = TaskPolicy().limits.cpu_s

    def policy(self) -> TaskPolicy:
        """The stage's policy with this run's changes."""
        times = {"wall_s": self.wall_s, "cpu_s": self.cpu_s}
        return TaskPolicy(limit=self.limit, limits=TaskPolicy().limits.model_copy(update=times))


class AttemptConfig(dg.Config):
    """What one run may change.

    Attributes:
        limit: Newest admitted tasks to attempt; 0 for all.
        wall_s: Seconds that one test run may take.
        cpu_s: Seconds of processor time that one test run may use.
        campaign: Id of a campaign whose attempts are made; empty for those that call no model.
        most_calls: Model calls after which the campaign begins no attempt; 0 for no limit. What
            all its runs have made so far counts, in whichever repository.
        most_tokens: The same for tokens.
        most_money: The same for money.
        most_hours: The same for hours since ``began``.
        began: Seconds since the epoch; 0 for the beginning of this run, of one repository.
        concurrency: Most requests to the model server under way at once. This and the following
            are as the campaign began if not given.
        requests_per_minute: Most requests begun in a minute; 0 for any number.
        prompt_price: Of a million prompt tokens.
        completion_price: Of a million answered tokens.
        spend_limit: Most that the campaign may spend in all its runs; 0 for no limit.
        reuse: Other workspaces whose attempts are taken over where they are the same.
    """

    limit: int = AttemptPolicy().limit
    wall_s: float = AttemptPolicy().limits.wall_s
    cpu_s: int = AttemptPolicy().limits.cpu_s
    campaign: str = ""
    most_calls: int = 0
    most_tokens: int = 0
    most_money: float = 0.0
    most_hours: float = 0.0
    began: float = 0.0
    concurrency: int | None = None
    requests_per_minute: float | None = None
    prompt_price: float | None = None
    completion_price: float | None = None
    spend_limit: float | None = None
    reuse: list[str] = Field(default_factory=list)

    def limits(self) -> CampaignLimits:
        """When the campaign stops."""
        return CampaignLimits(
            calls=self.most_calls,
            tokens=self.most_tokens,
            money=self.most_money,
            hours=self.most_hours,
            began=self.began,
        )

    def terms(self) -> CampaignTerms:
        """How fast and dear the campaign's answers may be."""
        return CampaignTerms(
            concurrency=self.concurrency,
            requests_per_minute=self.requests_per_minute,
            prompt_price=self.prompt_price,
            completion_price=self.completion_price,
            spend_limit=self.spend_limit,
        )

    def others(self) -> list[Path]:
        """Folders of the other workspaces."""
        return [Path(name) for name in self.reuse]

    def policy(self) -> AttemptPolicy:
        """The stage's policy with this run's changes."""
        times = {"wall_s": self.wall_s, "cpu_s": self.cpu_s}
        limits = AttemptPolicy().limits.model_copy(update=times)
        return AttemptPolicy(limit=self.limit, limits=limits)


@dg.asset(
    group_name="harness",
    partitions_def=REPO,
    deps=[repo_packages, commits],
    pool=SANDBOX_POOL,
    retry_policy=INFRASTRUCTURE_RETRIES,
)
def tasks(
    context: dg.AssetExecutionContext,
    config: TaskConfig,
    workspace: Workspace,
    tests: dg.ResourceParam[SandboxedTests],
    progress: dg.ResourceParam[ProgressSource],
) -> dg.MaterializeResult[None]:
    """Qualified commits as problems: admitted once gold passed and every control failed."""
    with refusals():
        report = admit_tasks(
            workspace.layout,
            context.partition_key,
            policy=config.policy(),
            runner=tests.runner(workspace.layout),
            progress=progress.of(context),
        )
    return materialized(report)


@partition_check(tasks, REPO)
def tasks_are_proven(
    context: dg.AssetCheckExecutionContext, workspace: Workspace
) -> dg.AssetCheckResult:
    """No task is admitted without its gold runs and its controls."""
    with refusals():
        report = check_tasks(workspace.layout, context.partition_key)
    return judged(report)


@dg.asset(
    group_name="harness",
    partitions_def=REPO_BY_ROUND,
    deps=[tasks],
    pool=SANDBOX_POOL,
    retry_policy=INFRASTRUCTURE_RETRIES,
)
def attempts(
    context: dg.AssetExecutionContext,
    config: AttemptConfig,
    workspace: Workspace,
    tests: dg.ResourceParam[SandboxedTests],
    progress: dg.ResourceParam[ProgressSource],
) -> dg.MaterializeResult[None]:
    """Every backend's changes to the round's tasks, each judged by the hidden tests."""
    with refusals():
        ensure_first_round(workspace.layout)
        report = run_attempts(
            workspace.layout,
            *repo_and_round(context.partition_key),
            policy=config.policy(),
            campaign=config.campaign,
            limits=config.limits(),
            terms=config.terms(),
            reuse=config.others(),
            runner=tests.runner(workspace.layout),
            sandbox=tests.sandbox(),
            progress=progress.of(context),
        )
    return materialized(report)


@partition_check(attempts, REPO_BY_ROUND)
def attempts_are_judged(
    context: dg.AssetCheckExecutionContext, workspace: Workspace
) -> dg.AssetCheckResult:
    """Every attempt belongs to an admitted task of the round and carries a verdict."""
    with refusals():
        report = check_attempts(workspace.layout, *repo_and_round(context.partition_key))
    return judged(report)


@dg.asset(
    group_name="harness",
    partitions_def=REPO_BY_ROUND,
    deps=[attempts, tasks],
    retry_policy=INFRASTRUCTURE_RETRIES,
)
def triples(context: dg.AssetExecutionContext, workspace: Workspace) -> dg.MaterializeResult[None]:
    """Input, output and outcome of every attempt, with the answer that the diff knows."""
    with refusals():
        report = label_triples(workspace.layout, *repo_and_round(context.partition_key))
    return materialized(report)


@partition_check(triples, REPO_BY_ROUND)
def triples_follow_attempts(
    context: dg.AssetCheckExecutionContext, workspace: Workspace
) -> dg.AssetCheckResult:
    """Every triple repeats the outcome of an attempt that exists."""
    with refusals():
        report = check_triples(workspace.layout, *repo_and_round(context.partition_key))
    return judged(report)
