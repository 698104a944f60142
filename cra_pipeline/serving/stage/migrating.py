"""``migrate --check``: logged prompts asked of the old server and the new, side by side."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass

from cra_pipeline.contracts.calls import ModelAnswer, ModelRequest
from cra_pipeline.contracts.ports import Responder
from cra_pipeline.contracts.reports import Progress, silent
from cra_pipeline.contracts.serving import AskedBoth, MigrationReport
from cra_pipeline.contracts.workspace import Layout
from cra_pipeline.errors import ModelError
from cra_pipeline.integrations.files import write_bytes, write_record
from cra_pipeline.integrations.serving.memory import resident_bytes
from cra_pipeline.kinds import CALL_KINDS
from cra_pipeline.serving.agreement import agreement, changes, same
from cra_pipeline.serving.page import migration_page
from cra_pipeline.serving.stage.prompts import LoggedPrompt, sample

_SHOWN = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class Side:
    """A server that is asked.

    Attributes:
        name: Its address without any secret, or what it is.
        responder: Asks it.
        processes: Of the server, as far as they are known.
    """

    name: str
    responder: Responder
    processes: Callable[[], Sequence[int]]


Opened = AbstractAsyncContextManager[Side]


@dataclass(frozen=True, slots=True, kw_only=True)
class MigrationPolicy:
    """How much is asked.

    Attributes:
        sample: Prompts of each call kind: 50 tell an agreement of 90 % to within 9 points.
        seed: Of the draw.
        tokens: Most of an answer; answers are compared as far as that.
    """

    sample: int = 50
    seed: int = 0
    tokens: int = 256


def migrate(
    layout: Layout,
    old: Opened,
    new: Opened,
    *,
    policy: MigrationPolicy | None = None,
    progress: Progress = silent,
) -> MigrationReport:
    """Ask both servers the same, and write ``migration/migration.json`` and ``.html``.

    One prompt after the other, the old server first: neither waits for the other's work. What has
    no answer is part of the report.

    Args:
        layout: The workspace.
        old: What agents are served by now.
        new: What would take its place.
        policy: How much is asked.
        progress: Told after each prompt.

    Raises:
        ModelError: No prompt is logged, or a side cannot be started.
    """
    rules = policy or MigrationPolicy()
    prompts, known = sample(layout, most=rules.sample, seed=rules.seed)
    flat = [prompt for kind in sorted(prompts) for prompt in prompts[kind]]
    if not flat:
        raise ModelError(
            f"{layout.root}: no logged prompt to ask: run a campaign and its triples first"
        )
    report = asyncio.run(_compared(old, new, flat, known, rules, progress))
    folder = layout.root / "migration"
    write_record(folder / "migration.json", report)
    write_bytes(folder / "migration.html", migration_page(report).encode())
    return report


async def _compared(  # noqa: PLR0913, PLR0917  # what is asked of whom, and how much
    old: Opened,
    new: Opened,
    prompts: Sequence[LoggedPrompt],
    known: int,
    policy: MigrationPolicy,
    progress: Progress,
) -> MigrationReport:
    async with old as before, new as after:
        rows: list[AskedBoth] = []
        models: dict[str, tuple[str, str]] = {}
        for number, prompt in enumerate(prompts, 1):
            request = _request(prompt, policy)
            first = await _asked(before, request)
            second = await _asked(after, request)
            rows.append(_row(prompt, first, second))
            held = models.get(prompt.call_kind, ("", ""))
            models[prompt.call_kind] = (first.model or held[0], second.model or held[1])
            progress(number, len(prompts), prompt.call_kind)
        memory = (resident_bytes(before.processes()), resident_bytes(after.processes()))
    kinds = agreement(rows, models)
    return MigrationReport(
        old=before.name,
        new=after.name,
        sample=policy.sample,
        seed=policy.seed,
        logged=known,
        kinds=kinds,
        answers=tuple(rows),
        changes=changes(kinds, *memory),
        old_memory_bytes=memory[0],
        new_memory_bytes=memory[1],
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Heard:
    text: str
    model: str
    error: str
    ms: float


def _request(prompt: LoggedPrompt, policy: MigrationPolicy) -> ModelRequest:
    return ModelRequest(
        attempt="",
        number=0,
        call_kind=prompt.call_kind,
        model="migration",
        system=prompt.system,
        prompt=prompt.prompt,
        temperature=0.0,
        seed=0,
        max_tokens=min(CALL_KINDS[prompt.call_kind].cap, policy.tokens),
    )


async def _asked(side: Side, request: ModelRequest) -> _Heard:
    begun, error = time.monotonic(), ""
    said = ModelAnswer(text="", model="", responder="")
    try:
        said = await side.responder.answer(request)
    except ModelError as failed:
        error = str(failed)
    took = (time.monotonic() - begun) * 1000
    return _Heard(text=said.text, model=said.model, error=error, ms=round(took, 1))


def _row(prompt: LoggedPrompt, old: _Heard, new: _Heard) -> AskedBoth:
    answered = not old.error and not new.error
    return AskedBoth(
        call_kind=prompt.call_kind,
        prompt_sha256=prompt.prompt_hash,
        prompt=prompt.prompt[-_SHOWN:],
        old=old.text,
        new=new.text,
        old_error=old.error,
        new_error=new.error,
        equal=answered and same(prompt.call_kind, old.text, new.text),
        old_ms=old.ms,
        new_ms=new.ms,
    )
