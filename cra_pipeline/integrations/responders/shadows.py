"""Versions that answer beside those in service: written down, compared, and heard by nobody."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Callable, Mapping
from pathlib import Path

from cra_pipeline.contracts.calls import ModelAnswer, ModelRequest
from cra_pipeline.contracts.serving import Comparison, Route
from cra_pipeline.contracts.triples import prompt_hash
from cra_pipeline.errors import ModelError, StoreError
from cra_pipeline.integrations.files import append_journal
from cra_pipeline.integrations.responders.lane import Lane

_MOST_WAITING = 1024
_LOOK_S = 0.02


class Shadows:
    """Asks shadows one after the other, whenever their server has nothing else to do.

    So no answer waits for one. What comes while too many wait already is passed over: a shadow
    sees a sample of a busy day.
    """

    def __init__(
        self,
        journal: Path,
        lanes: Mapping[str, Lane],
        told: Callable[[str], None] = lambda _: None,
    ) -> None:
        """Nothing waits.

        Args:
            journal: ``comparisons.jsonl``; goes on where it holds something.
            lanes: By name of the server.
            told: Hears when the journal cannot be written.
        """
        self._journal = journal
        self._lanes = lanes
        self._told = told
        self._waiting: deque[tuple[Route, ModelRequest, ModelAnswer]] = deque()
        self._task: asyncio.Task[None] | None = None
        self.passed_over = 0

    def add(self, shadow: Route, request: ModelRequest, answer: ModelAnswer) -> None:
        """A call was answered: have the shadow answer it, too, some time."""
        if len(self._waiting) >= _MOST_WAITING:
            self.passed_over += 1
            return
        self._waiting.append((shadow, request, answer))
        if self._task is None or self._task.done():
            self._task = asyncio.get_running_loop().create_task(self._work())

    async def done(self) -> None:
        """Wait until every shadow has answered."""
        if self._task is not None:
            await asyncio.wait([self._task])

    async def close(self) -> None:
        """Let go of what waits."""
        self._waiting.clear()
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait([self._task])

    async def _work(self) -> None:
        while self._waiting:
            shadow, request, answer = self._waiting[0]
            lane = self._lanes.get(shadow.instance)
            await _idle(lane)
            compared = await _compared(lane, shadow, request, answer)
            if self._waiting:
                self._waiting.popleft()
            try:
                await asyncio.to_thread(append_journal, self._journal, compared)
            except StoreError as error:
                self._told(str(error))


async def _idle(lane: Lane | None) -> None:
    # Looked for, not told of: a shadow must cost a request nothing.
    while lane is not None and not lane.is_idle:  # noqa: ASYNC110  # as said
        await asyncio.sleep(_LOOK_S)


async def _compared(
    lane: Lane | None, shadow: Route, request: ModelRequest, answer: ModelAnswer
) -> Comparison:
    begun, said, error = time.monotonic(), "", f"{shadow.instance} is not running"
    if lane is not None:
        try:
            # Straight to the server: a shadow takes no place of the lane's.
            said, error = (await lane.upstream.ask(request, shadow.model)).text, ""
        except ModelError as failed:
            error = str(failed)
    return Comparison(
        call_kind=request.call_kind,
        prompt_sha256=prompt_hash(request.system, request.prompt),
        model=answer.model,
        response=answer.text,
        shadow=shadow.model,
        shadow_response=said,
        error=error,
        shadow_ms=round((time.monotonic() - begun) * 1000),
    )
