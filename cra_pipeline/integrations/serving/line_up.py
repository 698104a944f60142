"""What serves now and what should: servers, adapters and routes are brought from one to the other.

The order is what keeps requests alive: load the new version, ask it once, switch the routes, wait
until nobody is under way to the old one, unload it. Whatever fails before the switch leaves the
old version serving.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from cra_pipeline.contracts.calls import ModelRequest
from cra_pipeline.contracts.serving import Route, Routes
from cra_pipeline.errors import PipelineError
from cra_pipeline.integrations.responders.lane import Lane
from cra_pipeline.integrations.responders.served import ServedResponder, Service
from cra_pipeline.integrations.serving.instance import Instance
from cra_pipeline.integrations.serving.turns import Turns

_SMOKE = ModelRequest(
    attempt="", number=0, call_kind="scope", model="", system="Answer with yes or no.",
    prompt="Is this a question?", temperature=0.0, seed=0, max_tokens=1,
)  # fmt: skip

Target = tuple[str, str]
"""Names of a server and of a model there."""

Make = Callable[[str], Instance]
"""Makes the instance of a name; does not open it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What should serve.

    Attributes:
        groups: Names of servers that run at the same time; more than one group take turns.
        folders: Of every adapter, by version.
        routes: Who answers what.
    """

    groups: tuple[tuple[str, ...], ...]
    folders: Mapping[str, Path]
    routes: Routes

    @property
    def instances(self) -> tuple[str, ...]:
        """Of all groups."""
        return tuple(name for group in self.groups for name in group)


class LineUp:
    """Servers of this machine behind one responder; lives in one event loop.

    Attributes:
        failed: Told when what waited for its server's turn could not be served at it.
    """

    def __init__(self, make: Make, told: Callable[[str], None]) -> None:
        """Nothing serves.

        Args:
            make: Makes an instance by name.
            told: Hears what happens, in words for a person.
        """
        self.lanes: dict[str, Lane] = {}
        self.instances: dict[str, Instance] = {}
        self.turns = Turns(self.instances, told)
        self.service = Service(routes=Routes(), lanes=self.lanes)
        self.failed: Callable[[], None] = lambda: None
        self.turns.woken = self._woken
        self._make = make
        self._told = told
        self._wanted: Wanted | None = None
        self._waits: frozenset[Target] = frozenset()
        self._responder: ServedResponder | None = None
        self._busy = asyncio.Lock()
        self._tasks: set[asyncio.Task[None]] = set()

    @property
    def responder(self) -> ServedResponder:
        """Answers by the routes as they are; made when it is first wanted."""
        if self._responder is None:
            self._responder = ServedResponder(self.service)
        return self._responder

    async def become(self, wanted: Wanted) -> tuple[str, ...]:
        """Bring everything in line; what cannot be stays as it was.

        Returns:
            What failed, in words; empty where all of it serves.
        """
        async with self._busy:
            self._wanted = wanted
            return await self._brought(wanted)

    async def _brought(self, wanted: Wanted) -> tuple[str, ...]:
        failed = await self._opened(wanted)
        await self.turns.take(wanted.groups)
        waits, self._waits = self._waits, frozenset()
        failed |= await self._loaded(wanted, failed)
        before = self.responder.routes
        routes = kept(wanted.routes, before, self._waits.union(failed))
        self.responder.replace(routes)
        self._tell(before, routes, failed)
        for name, model in sorted(self._waits - waits):
            self._told(f"{model}: waits for the turn of {name}; until then, who served serves on")
        self._spawn(self._let_go())
        return tuple(f"{model}: {reason}" for (_, model), reason in sorted(failed.items()))

    def _woken(self) -> None:
        if self._waits:
            self._spawn(self._brought_after_waking())

    async def _brought_after_waking(self) -> None:
        async with self._busy:
            # By now it may be another one, or have been brought.
            if self._wanted is not None and self._waits and await self._brought(self._wanted):
                self.failed()

    async def settled(self) -> None:
        """Wait until everything that is not wanted any more has gone."""
        while self._tasks:
            await asyncio.wait(tuple(self._tasks))

    async def close(self) -> None:
        """End every server."""
        for task in tuple(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self.turns.close()
        await asyncio.gather(*(instance.close() for instance in self.instances.values()))

    async def _opened(self, wanted: Wanted) -> dict[Target, str]:
        missing = [name for name in wanted.instances if name not in self.instances]
        made = {name: self._make(name) for name in missing}
        first = self.turns.first(wanted.groups)
        ends = await asyncio.gather(
            *(instance.open(asleep=name not in first) for name, instance in made.items()),
            return_exceptions=True,
        )
        failed = {}
        for (name, instance), end in zip(made.items(), ends, strict=True):
            if end is None:
                self.instances[name], self.lanes[name] = instance, instance.lane
                self._told(f"{name}: its server {'waits for its turn' * instance.asleep or 'runs'}")
                continue
            await instance.close()
            if not isinstance(end, (PipelineError, OSError)):
                raise end
            for key in wanted.routes.models:
                if key[0] == name:
                    failed[key] = f"its server could not be started: {end}"
        return failed

    async def _loaded(self, wanted: Wanted, failed: Mapping[Target, str]) -> dict[Target, str]:
        found = {}
        for name, model in sorted(wanted.routes.models - failed.keys()):
            instance, folder = self.instances[name], wanted.folders.get(model)
            if folder is None or model in instance.loaded:
                continue
            try:
                if instance.asleep and self._replaces(wanted.routes, (name, model)):
                    # Whether a server takes it shows when it runs: nobody gives way before.
                    await instance.vetted(folder)
                    self._waits |= {(name, model)}
                    continue
                await instance.load(model, folder)
                if not instance.asleep:
                    await instance.lane.upstream.ask(_SMOKE, model)
            except PipelineError as error:
                found[name, model] = str(error)
                await self._taken_back(instance, model)
        return found

    def _replaces(self, routes: Routes, target: Target) -> bool:
        """Whether calls that a target would answer have somebody who answers them now."""
        wanted = [
            *routes.by_kind.items(),
            *((kind, to) for kind, (to, _) in routes.canaries.items()),
        ]
        return any(
            (to.instance, to.model) == target and kind in self.responder.routes.by_kind
            for kind, to in wanted
        )

    async def _taken_back(self, instance: Instance, version: str) -> None:
        try:
            await instance.unload(version)
        except PipelineError as error:
            self._told(f"{version}: could not be unloaded: {error}")

    def _tell(self, before: Routes, routes: Routes, failed: Mapping[Target, str]) -> None:
        for (_, model), reason in sorted(failed.items()):
            self._told(f"{model} does not serve: {reason}")
        moved: dict[tuple[str, str], list[str]] = {}
        for kind in sorted(before.by_kind.keys() | routes.by_kind.keys()):
            ends = (_name(before.by_kind.get(kind)), _name(routes.by_kind.get(kind)))
            if ends[0] != ends[1]:
                moved.setdefault(ends, []).append(kind)
        for (was, now), kinds in moved.items():
            self._told(f"{now} answers {', '.join(kinds)} (before: {was})")

    async def _let_go(self) -> None:
        """Unload what no route leads to, and end servers without any, once nobody is under way."""
        for name, instance in tuple(self.instances.items()):
            for version in instance.loaded:
                if (name, version) not in self.responder.routes.models:
                    await self.responder.drained(name, version)
                    await self._unloaded(instance, version)
        for name in tuple(self.instances):
            if name not in self._in_use():
                await self._ended(name)

    async def _unloaded(self, instance: Instance, version: str) -> None:
        async with self._busy:
            # It may have come back into service while the last request was waited for.
            back = (instance.name, version) in self.responder.routes.models
            if back or version not in instance.loaded:
                return
            await self._taken_back(instance, version)
        self._told(f"{version}: unloaded")

    async def _ended(self, name: str) -> None:
        await self.responder.drained(name, name)
        async with self._busy:
            if name in self._in_use() or name not in self.instances:
                return
            self.lanes.pop(name, None)
            instance = self.instances.pop(name)
            await instance.close()
            await instance.lane.upstream.close()
        self._told(f"{name}: its server ended, nobody asks it any more")

    def _in_use(self) -> frozenset[str]:
        return frozenset(name for name, _ in self.responder.routes.models)

    def _spawn(self, work: Coroutine[None, None, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


def kept(wanted: Routes, before: Routes, failed: frozenset[Target]) -> Routes:
    """The wanted routes, but the old ones where the new ones lead to what failed.

    Where there was none, the kind is refused: another version or the base is no stand-in.
    """

    def fails(route: Route) -> bool:
        return (route.instance, route.model) in failed

    by_kind, refused = {}, dict(wanted.refused)
    for kind, route in wanted.by_kind.items():
        old = before.by_kind.get(kind)
        if not fails(route):
            by_kind[kind] = route
        elif old is not None:
            by_kind[kind] = old
        else:
            refused[kind] = f"{route.model} is in service, but could not be served"
    return replace(
        wanted,
        by_kind=by_kind,
        refused=refused,
        canaries={kind: pair for kind, pair in wanted.canaries.items() if not fails(pair[0])},
        shadows={kind: route for kind, route in wanted.shadows.items() if not fails(route)},
    )


def _name(route: Route | None) -> str:
    return "nobody" if route is None else route.model
