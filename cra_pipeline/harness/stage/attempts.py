"""Attempts: what backends and campaigns made of a round's tasks, judged, stored and checked."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from cra_pipeline.contracts.agents import AttemptPlan
from cra_pipeline.contracts.campaigns import (
    AGENT,
    CampaignSpec,
    ResponderSpec,
    campaign_plans,
)
from cra_pipeline.contracts.manifests import AssetManifest, CheckReport, Input
from cra_pipeline.contracts.ports import AgentBackend, Sandbox, TestRunner
from cra_pipeline.contracts.reports import NOTED, Progress, StageReport, silent
from cra_pipeline.contracts.tasks import AttemptRow, TaskRow
from cra_pipeline.contracts.workspace import Layout
from cra_pipeline.harness import check
from cra_pipeline.harness.adopting import Deciding
from cra_pipeline.harness.attempts import label, newest_tasks, preview_of_attempts
from cra_pipeline.harness.campaigning import (
    SPOILED,
    CampaignLimits,
    CampaignTerms,
    Meter,
    Tally,
    fingerprint,
    most_valuable,
)
from cra_pipeline.harness.policy import AttemptPolicy, policy_json
from cra_pipeline.harness.relabel import relabel
from cra_pipeline.harness.slowness import excused
from cra_pipeline.harness.stage.adopted import adopt_attempts, trace_path
from cra_pipeline.harness.stage.campaigns import read_campaign, round_campaigns
from cra_pipeline.harness.stage.keeping import drop_stale_traces, keep_calls
from cra_pipeline.harness.stage.killed import note_killed
from cra_pipeline.harness.stage.materials import materials_of
from cra_pipeline.harness.stage.rewordings import read_rewordings
from cra_pipeline.harness.stage.rounds import reasons_left_out
from cra_pipeline.harness.stage.use import attempts_at_once, metered, note_use, within
from cra_pipeline.harness.stage.workshops import ATTEMPTS, TASKS, workshop
from cra_pipeline.harness.workshop import Workshop
from cra_pipeline.integrations.agents.supplies import Supplies
from cra_pipeline.integrations.agents.table import opened_backend
from cra_pipeline.integrations.calls import has_calls, log_path
from cra_pipeline.integrations.evidence import require_checked, seal_table, write_check
from cra_pipeline.integrations.files import partition_lock, read_record, read_table, write_record
from cra_pipeline.integrations.journals import Crew, Line


@dataclass(frozen=True, slots=True)
class _Unit:
    task: TaskRow
    plan: AttemptPlan
    deciding: Deciding


@dataclass(frozen=True, slots=True, kw_only=True)
class _Cell:
    """One partition at work."""

    layout: Layout
    repo: str
    round_name: str
    shop: Workshop
    policy: AttemptPolicy
    spec: CampaignSpec | None
    sandbox: Sandbox | None
    meter: Meter
    tally: Tally
    reuse: tuple[Layout, ...]

    @property
    def campaign(self) -> str:
        return "" if self.spec is None else self.spec.campaign_id

    @property
    def partition(self) -> str:
        return f"{self.repo}|{self.round_name}"

    def units(
        self,
        tasks: Iterable[TaskRow],
        plans: Callable[[TaskRow], Sequence[AttemptPlan]],
        decided_by: str,
        spec: CampaignSpec | None,
    ) -> dict[str, _Unit]:
        """Units by the content id of everything that decides them, which is the attempt's id."""
        kept = self.policy if spec is None else replace(self.policy, limits=AttemptPolicy().limits)
        # What a run may use is of the moment; a campaign outlives it.
        rules = policy_json(replace(kept, limit=0, agents=(), mutants=0, seed=0))
        wish = self.statements(spec)
        units = {}
        for task in tasks:
            deciding = Deciding(
                task=task,
                environment=self.shop.environments[task.sha].digest(),
                decided_by=decided_by,
                rules=rules,
                statement=wish(task),
            )
            for plan in plans(task):
                units[deciding.attempt_id(plan, self.partition)] = _Unit(task, plan, deciding)
        return units

    def statements(self, spec: CampaignSpec | None) -> Callable[[TaskRow], str]:
        """What tasks ask for in a campaign, or outside of one."""
        reworded = {}
        if spec is not None and spec.reworded:
            reworded = read_rewordings(self.layout, self.repo)
        return lambda task: reworded.get(task.task_id, task.statement)

    def trace(self, attempt_id: str) -> Path:
        return trace_path(self.layout, self.partition, attempt_id)

    def whole(self, row: AttemptRow) -> bool:
        """Whether everything that an attempt leaves behind is there."""
        if not self.trace(row.attempt_id).is_file():
            return False
        return not row.calls or has_calls(self.layout, self.partition, row.campaign, row.attempt_id)

    def crew(self, progress: Progress, workers: int) -> Crew[AttemptRow]:
        """Who makes what is missing of it."""
        return Crew[AttemptRow](
            layout=self.layout,
            asset=ATTEMPTS,
            partition=self.partition,
            line=Line[AttemptRow],
            words=label,
            # The machine's or a server's fault is not remembered: the next run tries again.
            lasting=lambda row: row.outcome not in SPOILED,
            whole=self.whole,
            progress=_noted(self.tally, progress) if self.spec is not None else progress,
            workers=workers or attempts_at_once(self.spec),
            enough=lambda: bool(self.meter.reached()),
        )


def run_attempts(  # noqa: PLR0913  # the shell's keywords
    layout: Layout,
    repo: str,
    round_name: str,
    *,
    policy: AttemptPolicy | None = None,
    campaign: str = "",
    runner: TestRunner,
    sandbox: Sandbox | None = None,
    progress: Progress = silent,
    workers: int = 0,
    limits: CampaignLimits | None = None,
    terms: CampaignTerms | None = None,
    reuse: Sequence[Path] = (),
) -> StageReport:
    """Let backends try the round's tasks of one repository, and judge what they propose.

    With a campaign only its attempts are made; those of others that are known stay in the table.
    Near misses that pass are counted, and listed first, as weak tests: here and nowhere else.

    Args:
        layout: The workspace.
        repo: Key of the repository.
        round_name: An opened round that lists it.
        policy: Which agents and how many tasks.
        campaign: Id of a campaign that lists the repository; empty for the policy's agents.
        runner: Runs the tests.
        sandbox: Where an agent runs; needed for a campaign.
        progress: Told after each attempt.
        workers: Attempts at once; 0 for as many as processors and memory allow. Decides no row.
        limits: Of the campaign, over all its repositories and runs so far: once one is reached,
            no attempt is begun any more, and those that are missing stay missing.
        terms: Of this run; as the campaign began if not given.
        reuse: Other workspaces. Attempts that they, or other rounds of this one, have made of the
            same task under the same policy are taken over and not made again.

    Raises:
        RoundError: The round is not opened, or does not list the repository.
        CheckError: The tasks are not ready, or there is no such campaign.
        AgentError: The campaign's agent is not installed.
        ModelError: Its model server may not be asked.
        BusyError: Another run is at work on this partition.
        SandboxError: The sandbox cannot be had.
        StoreError: The disk is full, or a table is damaged.
    """
    rules = policy or AttemptPolicy()
    key = f"{repo}|{round_name}"
    with partition_lock(layout, ATTEMPTS, key):
        inputs = [require_checked(layout, TASKS, repo)]
        tasks = newest_tasks(read_table(layout.table(TASKS, repo), TaskRow), 0)
        reasons = reasons_left_out(layout, repo, round_name, tasks)
        ours = [task for task in tasks if not reasons[task.task_id]]
        meter, spec = _campaign(layout, repo, campaign, limits, terms)
        cell = _Cell(
            layout=layout,
            repo=repo,
            round_name=round_name,
            shop=workshop(layout, repo, runner),
            policy=rules,
            spec=spec,
            sandbox=sandbox,
            meter=meter,
            tally=Tally(),
            reuse=tuple(Layout(path.resolve()) for path in reuse),
        )
        crew = cell.crew(progress, workers)
        rows = _rows(cell, crew, ours)
        left_out = [reason for reason in reasons.values() if reason]
        manifest = _sealed(cell, crew, rows, left_out, inputs)
    return StageReport(manifest=manifest, preview=preview_of_attempts(rows))


def _campaign(
    layout: Layout,
    repo: str,
    campaign: str,
    limits: CampaignLimits | None,
    terms: CampaignTerms | None,
) -> tuple[Meter, CampaignSpec | None]:
    """What a campaign has used so far, and its terms in this run; no campaign uses anything."""
    if not campaign:
        return Meter(CampaignLimits(), ResponderSpec(name="gold")), None
    spec = (terms or CampaignTerms()).applied(read_campaign(layout, campaign))
    # Before an attempt is made again: what its killed try took would be lost.
    note_killed(layout, spec, repo)
    meter = metered(layout, spec, limits or CampaignLimits())
    return meter, within(spec, meter)


def _sealed(
    cell: _Cell,
    crew: Crew[AttemptRow],
    rows: Sequence[AttemptRow],
    left_out: Sequence[str],
    inputs: Sequence[Input],
) -> AssetManifest:
    """The table, and of traces and calls what it and the journal still name."""
    known = {row.attempt_id: row for row in (*crew.remembered(), *rows)}
    keep_calls(cell.layout, cell.partition, [row for row in known.values() if cell.whole(row)])
    manifest = seal_table(
        cell.layout, ATTEMPTS, cell.partition, rows, AttemptRow,
        reasons=[*map(label, rows), *left_out], inputs=inputs, policy=policy_json(cell.policy),
    )  # fmt: skip
    drop_stale_traces(cell.layout, cell.partition, rows, known.values())
    return manifest


def _noted(tally: Tally, progress: Progress) -> Progress:
    """Progress that tells the success rate, too."""
    return lambda done, total, what: progress(done, total, f"{tally.words()}{NOTED}{what}")


def _rows(cell: _Cell, crew: Crew[AttemptRow], tasks: Sequence[TaskRow]) -> list[AttemptRow]:
    found: dict[str, AttemptRow] = {}
    if cell.campaign:
        found |= _as_they_stand(cell, tasks)
    else:
        # The policy's limit is no campaign's business: each has its own.
        newest = newest_tasks(tasks, cell.policy.limit)
        for name in cell.policy.agents:
            found |= _made(cell, crew, newest, name, None)
    for spec in round_campaigns(cell.layout, cell.round_name, cell.repo):
        chosen = most_valuable(tasks, spec.limit)
        if spec.campaign_id == cell.campaign:
            found |= _made(cell, crew, chosen, AGENT, cell.spec)
        else:
            found |= crew.known(_campaign_units(cell, chosen, spec))
    return list(found.values())


def _as_they_stand(cell: _Cell, tasks: Sequence[TaskRow]) -> dict[str, AttemptRow]:
    """Attempts outside of campaigns: what made them, and within which limits, is not asked here.

    Those on tasks that have changed since are gone; ``run attempts`` makes them again.
    """
    manifest = cell.layout.manifest(ATTEMPTS, cell.partition)
    if not manifest.exists():
        return {}
    inputs = {item.name: item.content_id for item in read_record(manifest, AssetManifest).inputs}
    if inputs.get(f"{TASKS}/{cell.repo}") != _content_of_tasks(cell):
        return {}
    ours = {task.task_id for task in tasks}
    rows = read_table(cell.layout.table(ATTEMPTS, cell.partition), AttemptRow)
    return {
        row.attempt_id: row
        for row in rows
        if not row.campaign and row.task_id in ours and cell.whole(row)
    }


def _content_of_tasks(cell: _Cell) -> str:
    return read_record(cell.layout.manifest(TASKS, cell.repo), AssetManifest).content_id


def _campaign_units(cell: _Cell, tasks: Sequence[TaskRow], spec: CampaignSpec) -> dict[str, _Unit]:
    plans = campaign_plans(spec)
    return cell.units(tasks, lambda _: plans, fingerprint(spec), spec)


def _made(
    cell: _Cell,
    crew: Crew[AttemptRow],
    tasks: Sequence[TaskRow],
    agent: str,
    spec: CampaignSpec | None,
) -> dict[str, AttemptRow]:
    files = {task.task_id: cell.shop.files(task) for task in tasks}
    with opened_backend(agent, _supplies(cell, spec)) as backend:
        decided_by = backend.fingerprint if spec is None else fingerprint(spec)
        units = cell.units(
            tasks,
            lambda task: backend.plans(task, files[task.task_id]),
            decided_by,
            spec,
        )
        if spec is not None:
            lacking = units.keys() - crew.known(units).keys()
            wanted = {key: (units[key].deciding, units[key].plan) for key in sorted(lacking)}
            adopt_attempts(cell.layout, cell.repo, spec, wanted, cell.reuse)
            known = crew.known(units).values()
            for row in known:
                cell.tally.add(row)
            crew.progress(len(known), len(units), "on record")
        keys = {id(unit): key for key, unit in units.items()}

        def work(unit: _Unit) -> AttemptRow:
            row = _attempt(cell, backend, unit, files[unit.task.task_id], keys[id(unit)])
            if spec is not None:
                cell.meter.add(note_use(cell.layout, spec, row))
                cell.tally.add(row)
            return row

        return crew.results(
            units, work, name=lambda unit: f"{unit.task.task_id} {unit.plan.configuration}"
        )


def _attempt(
    cell: _Cell, backend: AgentBackend, unit: _Unit, files: Mapping[str, str], attempt_id: str
) -> AttemptRow:
    began = time.monotonic()
    run = backend.run(unit.task, unit.plan, files, attempt_id)
    run = excused(run, time.monotonic() - began)
    trace = cell.shop.attempt(
        unit.task,
        unit.plan,
        run,
        attempt_id=attempt_id,
        round_name=cell.round_name,
        policy=cell.policy,
    )
    write_record(cell.trace(attempt_id), trace)
    return trace.attempt


def _supplies(cell: _Cell, spec: CampaignSpec | None) -> Supplies:
    name = "" if spec is None else spec.campaign_id
    return Supplies(
        right_answer=cell.shop.right_answer,
        materials=lambda task: materials_of(cell.layout, cell.repo, cell.shop, task),
        layout=cell.layout,
        sandbox=cell.sandbox,
        statement=cell.statements(spec),
        relabel=relabel,
        calls=lambda attempt_id: log_path(cell.layout, cell.partition, name, attempt_id),
        campaign=spec,
        partition=cell.partition,
        most=cell.policy.mutants,
        seed=cell.policy.seed,
    )


def check_attempts(layout: Layout, repo: str, round_name: str) -> CheckReport:
    """Judge the attempts on disk and store the result.

    Raises:
        StoreError: A table is missing or damaged.
    """
    key = f"{repo}|{round_name}"
    manifest = read_record(layout.manifest(ATTEMPTS, key), AssetManifest)
    rows = read_table(layout.table(ATTEMPTS, key), AttemptRow)
    tasks = read_table(layout.table(TASKS, repo), TaskRow)
    found = check.attempt_findings(rows, tasks, rows=manifest.rows, round_name=round_name)
    untraced = [row for row in rows if not trace_path(layout, key, row.attempt_id).is_file()]
    lost = [f"{row.attempt_id[:12]}: its trace is missing" for row in untraced]
    return write_check(layout, manifest, [*found, *lost])
