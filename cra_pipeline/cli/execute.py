"""Runs one partition of one asset through Dagster, in this process, on the shared instance."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from cra_pipeline.cli.instance import (
    PROCESS_TAG,
    bury_dead_runs,
    dagster_instance,
    register,
    this_process,
)
from cra_pipeline.cli.plan import LIMITED, Cell
from cra_pipeline.cli.terminal import Display
from cra_pipeline.cli.turns import turn
from cra_pipeline.contracts.manifests import AssetManifest
from cra_pipeline.contracts.workspace import Layout
from cra_pipeline.errors import BusyError
from cra_pipeline.integrations.files import partition_lock, read_record

if TYPE_CHECKING:
    import dagster as dg

JOBS = {
    "repo_snapshots": "snapshot_job",
    "commits": "commit_job",
    "repo_packages": "package_job",
    "tasks": "task_job",
    "attempts": "attempt_job",
    "triples": "attempt_job",
    "preference_pairs": "pair_job",
    "cold_start": "cold_start_job",
    "raw_snapshot": "log_job",
    "training_plan": "log_job",
    "round_increment": "round_job",
    "round_pool": "round_job",
    "holdout": "round_job",
    "plan_documents": "round_job",
    "base_bundle": "bundle_job",
    "sft_dataset": "sft_job",
    "dpo_dataset": "dpo_job",
    "adapter": "adapter_job",
    "holdout_attempts": "holdout_attempt_job",
    "gate_report": "gate_job",
    "round_gate": "round_gate_job",
    "registry_entry": "registry_job",
    "deployment": "deployment_job",
}

Settings = Mapping[str, Mapping[str, object]]
"""Values of an asset's Dagster configuration, by asset; what is absent stays at its default."""

_SILENT = {"console": {"config": {"log_level": "CRITICAL"}}}


@dataclass(frozen=True, slots=True, kw_only=True)
class CellResult:
    """What became of one partition of one asset.

    Attributes:
        state: ``skipped`` where something before it failed.
        manifest: What was written; None unless done.
        error: For the user; empty where done.
    """

    cell: Cell
    state: Literal["done", "failed", "skipped"]
    manifest: AssetManifest | None = None
    error: str = ""


class Runner:
    """Executes cells one after the other; the definitions are loaded once."""

    def __init__(self, layout: Layout, instance: dg.DagsterInstance, display: Display) -> None:
        # Loaded late: the rounds that are open now are partitions of these definitions.
        from cra_pipeline.definitions.build import build_defs

        self._layout = layout
        self._instance = instance
        self._display = display
        self._defs = build_defs(progress=display)

    def run_lines(
        self, lines: Sequence[Sequence[Cell]], settings: Settings
    ) -> Iterator[CellResult]:
        """Make the cells of each line in order; a failure ends its line, not the others.

        Args:
            lines: One for each repository and round.
            settings: What differs from the policies' own numbers.
        """
        total = sum(len(line) for line in lines)
        number = 0
        for line in lines:
            broken = False
            for cell in line:
                number += 1
                if broken:
                    yield CellResult(cell=cell, state="skipped", error="not tried")
                    continue
                self._display.started(f"{cell.asset} {cell.partition}".rstrip(), number, total)
                result = self.run(cell, settings)
                broken = result.state == "failed"
                yield result

    def run(self, cell: Cell, settings: Settings) -> CellResult:
        """Make one partition of one asset and have it checked."""
        try:
            # The same partition would only be found done after the wait: it is told at once.
            with partition_lock(self._layout, cell.asset, cell.partition):
                pass
        except BusyError as error:
            return CellResult(cell=cell, state="failed", error=str(error))
        with ExitStack() as turns:
            for pool in self._pools(cell):
                turns.enter_context(turn(self._layout, self._instance, pool, self._display.waits))
            done = self._executed(cell, settings)
        if problem := _problem(done):
            return CellResult(cell=cell, state="failed", error=problem)
        manifest = read_record(self._layout.manifest(cell.asset, cell.partition), AssetManifest)
        return CellResult(cell=cell, state="done", manifest=manifest)

    def _pools(self, cell: Cell) -> list[str]:
        import dagster as dg

        return sorted(self._defs.resolve_asset_graph().get(dg.AssetKey(cell.asset)).pools or ())

    def _executed(self, cell: Cell, settings: Settings) -> dg.ExecuteInProcessResult:
        import dagster as dg

        return self._defs.resolve_job_def(JOBS[cell.asset]).execute_in_process(
            run_config=_run_config(cell, settings),
            instance=self._instance,
            partition_key=cell.partition or None,
            asset_selection=[dg.AssetKey(cell.asset)],
            raise_on_error=False,
            tags={PROCESS_TAG: this_process()},
        )


@contextmanager
def dagster_runner(layout: Layout, repos: Iterable[str], display: Display) -> Iterator[Runner]:
    """A runner on the workspace's instance, in which the repositories are registered."""
    with ExitStack() as stack:
        instance = stack.enter_context(dagster_instance(layout))
        bury_dead_runs(instance)
        register(instance, tuple(repos))
        yield Runner(layout, instance, display)


def limit_settings(limit: int | None) -> dict[str, Mapping[str, object]]:
    """Settings for ``--limit``; None leaves the policies' own."""
    return {} if limit is None else {asset: {"limit": limit} for asset in LIMITED}


def trained_by(chosen: Mapping[str, str]) -> dict[str, Mapping[str, object]]:
    """Settings for ``--base`` and ``--trainer``; what is not chosen follows from the kind."""
    return {"adapter": chosen} if chosen else {}


def _run_config(cell: Cell, settings: Settings) -> Mapping[str, object]:
    ops = {cell.asset: {"config": dict(settings[cell.asset])}} if cell.asset in settings else {}
    return {"loggers": _SILENT, "ops": ops}


def _problem(done: dg.ExecuteInProcessResult) -> str:
    """Why the run failed, in the pipeline's own words where it has some; empty if it did not."""
    # First: a failed check also fails its step, with less to say.
    failed = [check for check in done.get_asset_check_evaluations() if not check.passed]
    if failed:
        return f"check {failed[0].check_name} failed: {failed[0].description}"
    for event in done.all_events:
        if event.is_step_failure:
            failure = event.step_failure_data
            if failure.user_failure_data and failure.user_failure_data.description:
                return failure.user_failure_data.description
            if failure.error is not None:
                cause = failure.error.cause or failure.error
                return f"{cause.message.strip()} (Dagster run {done.run_id} has the traceback)"
    return "" if done.success else f"Dagster run {done.run_id} failed; its log says why"
