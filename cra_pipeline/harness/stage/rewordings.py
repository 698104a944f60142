"""Rewordings: poor statements of admitted tasks, reworded by a model; the original is kept."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path

from cra_pipeline.contracts.calls import ModelRequest
from cra_pipeline.contracts.ports import Responder
from cra_pipeline.contracts.reports import Progress, silent
from cra_pipeline.contracts.rewordings import RewordingRow
from cra_pipeline.contracts.tasks import TaskRow
from cra_pipeline.contracts.workspace import Layout
from cra_pipeline.harness.actual import changed_names
from cra_pipeline.harness.loading import answer_texts
from cra_pipeline.harness.records import unit_key
from cra_pipeline.harness.rewording import Ask, Rewording, RewordingPolicy, reword
from cra_pipeline.harness.stage.workshops import TASKS, workshop
from cra_pipeline.harness.workshop import Workshop
from cra_pipeline.integrations.evidence import require_checked
from cra_pipeline.integrations.files import (
    append_journal,
    partition_lock,
    read_journal,
    read_table,
    write_table,
)
from cra_pipeline.integrations.journals import Line

_ASSET = "rewordings"
_ANSWER_TOKENS = 400


def _table(layout: Layout, repo: str) -> Path:
    return layout.table(_ASSET, repo)


def read_rewordings(layout: Layout, repo: str) -> dict[str, str]:
    """The statement to use by task id; empty where nothing was reworded.

    Raises:
        StoreError: The table is damaged.
    """
    path = _table(layout, repo)
    rows = read_table(path, RewordingRow) if path.exists() else ()
    return {row.task_id: row.text for row in rows}


async def reword_tasks(  # noqa: PLR0913  # the shell's keywords
    layout: Layout,
    repo: str,
    responder: Responder,
    *,
    model: str,
    policy: RewordingPolicy | None = None,
    progress: Progress = silent,
) -> tuple[RewordingRow, ...]:
    """Reword the poor statements of a repository's admitted tasks.

    What is known from an earlier run with the same model is not asked again; a model server that
    does not answer leaves the original, and is asked again next time.

    Args:
        layout: The workspace.
        repo: Key of the repository.
        responder: Answers both questions.
        model: Its name, for the record.
        policy: When a statement is poor.
        progress: Told after each task.

    Raises:
        CheckError: The tasks are not ready.
        BusyError: Another run is at work on this repository.
        StoreError: The disk is full, or a table is damaged.
    """
    rules = policy or RewordingPolicy()
    with partition_lock(layout, _ASSET, repo):
        require_checked(layout, TASKS, repo)
        tasks = [row for row in read_table(layout.table(TASKS, repo), TaskRow) if row.admitted]
        shop = workshop(layout, repo, None)
        journal = layout.journal(_ASSET, repo)
        known = {line.key: line.row for line in read_journal(journal, Line[RewordingRow])}
        rows: list[RewordingRow] = []
        for task in tasks:
            key = unit_key(task.digest(), model, repr(rules))
            row = known.get(key) or await _reworded(shop, task, responder, model, rules)
            if key not in known and not row.reason.startswith("no_answer"):
                append_journal(journal, Line[RewordingRow](key=key, row=row))
            rows.append(row)
            progress(len(rows), len(tasks), f"{task.task_id} {row.reason}")
        write_table(_table(layout, repo), rows, RewordingRow)
    return tuple(rows)


async def _reworded(
    shop: Workshop, task: TaskRow, responder: Responder, model: str, rules: RewordingPolicy
) -> RewordingRow:
    try:
        before, after = answer_texts(shop.problem(task))
    except ValueError as error:
        # Without the solution's text nobody could see that a rewording gives it away.
        found = Rewording(
            original=task.statement, text=task.statement, proposed="", reason=f"no_text: {error}"
        )
    else:
        found = await reword(
            task.statement,
            before=before,
            after=after,
            symbols=_changed_symbols(before, after),
            ask=_asking(responder, task.task_id),
            policy=rules,
        )
    return RewordingRow(task_id=task.task_id, repo=task.repo, model=model, **asdict(found))


def _changed_symbols(before: Mapping[str, str], after: Mapping[str, str]) -> Sequence[str]:
    return sorted(
        {
            name
            for path, text in before.items()
            if path.endswith(".py")
            for names in changed_names(text, after.get(path, ""))
            for name in names
        }
    )


def _asking(responder: Responder, attempt: str) -> Ask:
    async def ask(system: str, prompt: str) -> str:
        request = ModelRequest(
            attempt=attempt,
            number=0,
            call_kind="",
            model="",
            system=system,
            prompt=prompt,
            temperature=0.0,
            seed=0,
            max_tokens=_ANSWER_TOKENS,
        )
        return (await responder.answer(request)).text

    return ask


def run_rewording(  # noqa: PLR0913  # the shell's keywords
    layout: Layout,
    repo: str,
    responder: Responder,
    *,
    model: str,
    policy: RewordingPolicy | None = None,
    progress: Progress = silent,
) -> tuple[RewordingRow, ...]:
    """As ``reword_tasks``, for callers without an event loop."""
    return asyncio.run(
        reword_tasks(layout, repo, responder, model=model, policy=policy, progress=progress)
    )
