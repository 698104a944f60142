"""A service by the registry, with servers of no model, for the time of a block."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path

from cra_pipeline.contracts.calls import ModelAnswer
from cra_pipeline.contracts.serving import ServerInstance
from cra_pipeline.errors import GuardError, StoreError
from cra_pipeline.integrations.responders.upstream import UpstreamPolicy
from cra_pipeline.integrations.serving.instance import Start
from cra_pipeline.registry.stage.in_service import in_service, mark
from cra_pipeline.registry.stage.promoting import roll_back_regressed
from cra_pipeline.serving.stage.running import Serving, Terms
from cra_pipeline_tests.integrations.responders.servers import request
from cra_pipeline_tests.registry.worlds import Worse
from cra_pipeline_tests.serving.fake_server import fake_server
from cra_pipeline_tests.serving.worlds import ServingWorld

PATIENCE = UpstreamPolicy(tries=8, wait_s=0.02, settle_s=0.05, recover_s=10.0)
QUICK = Terms(memory=8 * 2**30, upstream=PATIENCE)


class _ServingWords(Serving):
    def vet(self, folder: Path) -> None:
        # Sound by its digest alone: the files of these tests are no tensors.
        try:
            super().vet(folder)
        except (GuardError, StoreError) as error:
            if "it was replaced" in str(error) or "is no version" in str(error):
                raise


class Running:
    """A service, what it told, and its log of nothing lost."""

    def __init__(self, world: ServingWorld, terms: Terms) -> None:
        self.layout = world.layout
        self.told: list[str] = []
        self.serving = _ServingWords(
            world.layout, in_service, self.roll_back, terms=terms, told=self.told.append,
            starter=self.start,
        )  # fmt: skip

    def start(self, instance: ServerInstance) -> Start:
        return partial(fake_server, instance.base_id, self.layout.scratch, self.serving.vet)

    def roll_back(self, version: str, reason: str) -> bool:
        return roll_back_regressed(self.layout, Worse(version, reason)) is not None

    async def ask(self, prompt: str = "who?", **changed: object) -> ModelAnswer:
        return await self.serving.responder.answer(request(prompt=prompt, **changed))

    async def who(self, **changed: object) -> str:
        return (await self.ask("who?", **changed)).model

    @property
    def pid(self) -> int:
        (instance,) = self.serving.line_up.instances.values()
        assert instance.server is not None
        return instance.server.pid

    async def until(self, true: Callable[[], Awaitable[bool]]) -> None:
        async with asyncio.timeout(15):
            while not await true():  # noqa: ASYNC110  # looked at from outside, as users do
                await asyncio.sleep(0.02)

    async def until_told(self, words: str) -> None:
        async def told() -> bool:
            return any(words in line for line in self.told)

        await self.until(told)


@asynccontextmanager
async def running(
    world: ServingWorld, terms: Terms = QUICK, *, follow: bool = False
) -> AsyncIterator[Running]:
    """The service for the time of the block."""
    found = Running(world, terms)
    seen = mark(world.layout)
    task = None
    try:
        await found.serving.refresh()
        if follow:
            task = asyncio.create_task(found.serving.follow(lambda: mark(world.layout), seen=seen))
        yield found
    finally:
        if task is not None:
            task.cancel()
        await found.serving.responder.close()
        await found.serving.close()


def played(work: Awaitable[None]) -> None:
    async def limited() -> None:
        await asyncio.wait_for(work, 40)

    asyncio.run(limited())
