"""Groups of servers that do not fit into memory together: one runs, the others wait for a turn.

The agent reasons first and codes then, so turns are few; each costs a server's start. A request
for a sleeping group waits, and is what wakes it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass

from cra_pipeline.integrations.serving.instance import Instance

Group = tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class TurnPolicy:
    """When the next group has its turn.

    Attributes:
        look_s: Seconds between looks.
        patience_s: Seconds that a request waits while the running group still has work; then no
            further request of that group is let in.
        failed_s: Seconds before a turn that could not be given is tried again.
    """

    look_s: float = 0.05
    patience_s: float = 20.0
    failed_s: float = 1.0


class Turns:
    """Who of several groups runs; lives in one event loop.

    Attributes:
        woken: Told when a group had its turn given.
    """

    def __init__(
        self,
        instances: Mapping[str, Instance],
        told: Callable[[str], None],
        policy: TurnPolicy | None = None,
    ) -> None:
        """There are no groups yet.

        Args:
            instances: By name; may grow and shrink.
            told: Hears of turns.
            policy: When the next group has its turn.
        """
        self.woken: Callable[[], None] = lambda: None
        self._instances = instances
        self._told = told
        self._policy = policy or TurnPolicy()
        self._groups: tuple[Group, ...] = ()
        self._task: asyncio.Task[None] | None = None

    def first(self, groups: Sequence[Group]) -> Group:
        """The servers that run when groups are begun with: those that run now, else the first."""
        running = [group for group in groups if any(self._runs(name) for name in group)]
        return (*running, *groups, ())[0]

    async def take(self, groups: tuple[Group, ...]) -> None:
        """Have these groups take turns from now on."""
        if groups == self._groups:
            return
        await self.close()
        first, self._groups = self.first(groups), groups
        for group in groups:
            if group != first:
                await self._all(group, Instance.sleep)
        await self._all(first, Instance.wake)
        if len(groups) > 1:
            self._task = asyncio.get_running_loop().create_task(self._turned())

    async def close(self) -> None:
        """Give no further turns."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait([self._task])
            self._task = None

    async def _turned(self) -> None:
        waited = 0.0
        while True:
            await asyncio.sleep(self._policy.look_s)
            try:
                waited = await self._given(waited)
            except Exception as error:  # noqa: BLE001  # without turns, the others wait for good
                self._told(f"a turn could not be given ({error!r}); it is tried again")
                await asyncio.sleep(self._policy.failed_s)

    async def _given(self, waited: float) -> float:
        """Give a turn where it is time; the seconds that a group has been waiting for its own."""
        running = self.first(self._groups)
        wanted = next((group for group in self._groups if self._is_wanted(group)), None)
        if wanted is None or wanted == running:
            return 0.0
        waited += self._policy.look_s
        if self._works(running) and waited < self._policy.patience_s:
            return waited
        self._told(f"{', '.join(running)}: makes room for {', '.join(wanted)}")
        await self._all(running, Instance.sleep)
        await self._all(wanted, Instance.wake)
        self.woken()
        return 0.0

    def _runs(self, name: str) -> bool:
        return name in self._instances and not self._instances[name].asleep

    def _is_wanted(self, group: Group) -> bool:
        return any(
            self._instances[name].asleep and self._instances[name].lane.upstream.waiting
            for name in group
            if name in self._instances
        )

    def _works(self, group: Group) -> bool:
        return any(
            not self._instances[name].lane.is_idle for name in group if name in self._instances
        )

    async def _all(self, group: Group, act: Callable[[Instance], Awaitable[None]]) -> None:
        found = [self._instances[name] for name in group if name in self._instances]
        await asyncio.gather(*(act(instance) for instance in found))
