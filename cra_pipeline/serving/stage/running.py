"""Service by the registry: what is promoted serves a second later, without a request lost."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path

from cra_pipeline.contracts.serving import ServedAdapter, ServerInstance
from cra_pipeline.contracts.workspace import Layout
from cra_pipeline.errors import PipelineError
from cra_pipeline.integrations.responders.lane import Lane, LanePolicy
from cra_pipeline.integrations.responders.served import ServedResponder
from cra_pipeline.integrations.responders.shadows import Shadows
from cra_pipeline.integrations.responders.upstream import Upstream, UpstreamPolicy
from cra_pipeline.integrations.serving.figures import memory_bytes
from cra_pipeline.integrations.serving.following import follow
from cra_pipeline.integrations.serving.instance import Instance, Start
from cra_pipeline.integrations.serving.line_up import LineUp
from cra_pipeline.integrations.serving.starting import LOADS, ServerChoice, counter, start_of
from cra_pipeline.serving.canary import chosen
from cra_pipeline.serving.health import Health, HealthPolicy
from cra_pipeline.serving.layout import LayoutPolicy
from cra_pipeline.serving.routes import NOTHING, Beside
from cra_pipeline.serving.scheduling import AdapterQueue, BatchPolicy
from cra_pipeline.serving.stage.forms import held_back, of_other_form
from cra_pipeline.serving.stage.planning import Active, Plan, plan, vetted

_LONGEST_AGAIN_S = 300.0

RollBack = Callable[[str, str], bool]
"""Takes a version out of service, for a reason; False where it does not serve. The registry's."""

Starter = Callable[[ServerInstance], Start]
"""How the server of an instance is started."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """On which terms is served.

    Attributes:
        choice: Which server.
        beside: Canaries and shadows.
        memory: Bytes that servers may take; 0 for what the device has.
        sizes: What a server needs.
        lane: Limits before each server.
        upstream: Patience with each server.
        batch: How long one adapter may go on while others wait.
        health: What a version may do wrong.
        again_s: Seconds before what could not be served is tried again; doubled each time, up to
            five minutes. A server that died at the wrong moment is back by then.
        other_form: Whether a version may serve in another form than it was gated in.
    """

    choice: ServerChoice = field(default_factory=ServerChoice)
    beside: Beside = NOTHING
    memory: int = 0
    sizes: LayoutPolicy = field(default_factory=LayoutPolicy)
    lane: LanePolicy = field(default_factory=LanePolicy)
    upstream: UpstreamPolicy = field(default_factory=UpstreamPolicy)
    batch: BatchPolicy = field(default_factory=BatchPolicy)
    health: HealthPolicy = field(default_factory=HealthPolicy)
    again_s: float = 5.0
    other_form: bool = False


class Serving:
    """Servers for what the registry says; lives in one event loop.

    Attributes:
        plan: What should serve, as it was read last.
    """

    plan: Plan

    def __init__(  # noqa: PLR0913  # one for each side that it is tied to
        self,
        layout: Layout,
        active: Active,
        roll_back: RollBack,
        *,
        terms: Terms | None = None,
        told: Callable[[str], None] = lambda _: None,
        starter: Starter | None = None,
    ) -> None:
        """Nothing is read or started yet.

        Args:
            layout: The workspace.
            active: Reads what the ledger says serves.
            roll_back: Takes a version out of service.
            terms: Server, limits, canaries, shadows.
            told: Hears what happens, in words for a person.
            starter: Starts servers in another way than the table of model servers.
        """
        self._layout = layout
        self._active = active
        self._roll_back = roll_back
        self._terms = terms or Terms()
        self._told = told
        self._starter = starter or self._of_table
        self._most_loads = LOADS if self._terms.choice.name == "vllm" else 0
        self._memory = self._terms.memory or memory_bytes(self._terms.choice.device)
        # A version on its way out may have to be loaded again: its last record is kept.
        self._known: dict[str, ServedAdapter] = {}
        self._health: dict[str, Health] = {}
        self._beside = self._terms.beside
        self._tasks: set[asyncio.Task[None]] = set()
        self._again: asyncio.Task[None] | None = None
        self._again_s = self._terms.again_s
        self._other_forms: dict[str, str] = {}
        self.line_up = LineUp(self._instance, told)
        self.line_up.failed = self._try_again
        self.line_up.service.choose = chosen
        self.line_up.service.told = self._heard
        if self._beside.shadows:
            journal = layout.root / "serving" / "comparisons.jsonl"
            self.line_up.service.shadows = Shadows(journal, self.line_up.lanes, told)

    @property
    def responder(self) -> ServedResponder:
        """Answers by what serves."""
        return self.line_up.responder

    async def refresh(self) -> tuple[str, ...]:
        """Read what should serve, and bring everything in line; what fails is tried again later.

        A version that was gated in another form is held back, unless the terms allow it.

        Returns:
            What could not be brought in line, in words; what served before serves on there.

        Raises:
            PipelineError: The registry or a base cannot be read, or the versions do not fit.
        """
        self.plan = await asyncio.to_thread(self._planned)
        wanted, others = self.plan.wanted(self._layout), await self._told_of_forms()
        if not self._terms.other_form:
            wanted = held_back(wanted, self.responder.routes, others)
        failed = await self.line_up.become(wanted)
        if not failed:
            self._again_s = self._terms.again_s
        else:
            self._try_again()
        held = () if self._terms.other_form else others.items()
        return (*failed, *(f"{version}: {reason}" for version, reason in held))

    async def follow(self, mark: Callable[[], bytes], *, seen: bytes) -> None:
        """Refresh whenever the mark changes; without end."""

        async def act() -> None:
            try:
                await self.refresh()
            except (PipelineError, ValueError, OSError):
                # What stands in the way may go without the mark changing again.
                self._try_again()
                raise

        await follow(mark, act, self._told, seen=seen)

    async def close(self) -> None:
        """End every server."""
        for task in tuple(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self.line_up.close()

    def vet(self, folder: Path) -> None:
        """Refuse files that are not those of a version that serves, or served last.

        Raises:
            GuardError: As said.
        """
        vetted(folder, self._known)

    async def _told_of_forms(self) -> dict[str, str]:
        form, adapters = self._terms.choice.precision, tuple(self.plan.adapters.values())
        found = await asyncio.to_thread(of_other_form, self._layout, adapters, form)
        end = "it does, as was allowed" if self._terms.other_form else "it does not serve"
        for version, reason in found.items():
            if version not in self._other_forms:
                self._told(f"{version}: {reason}: {end}")
        self._other_forms = found
        return found

    def _planned(self) -> Plan:
        found = plan(
            self._layout,
            self._active(self._layout),
            self._terms.choice,
            beside=self._beside,
            memory=self._memory,
            policy=self._terms.sizes,
        )
        self._known |= found.adapters
        return found

    def _instance(self, name: str) -> Instance:
        (settings,) = (item for item in self.plan.layout.instances if item.name == name)
        lane = Lane(
            Upstream(name, self._terms.upstream),
            window=settings.window,
            count=counter(self._layout, settings.base_id),
            order=AdapterQueue(self._terms.batch),
            policy=self._terms.lane,
        )
        return Instance(
            name,
            self._starter(settings),
            lane,
            told=self._told,
            vet=self.vet,
            most_loads=self._most_loads,
        )

    def _of_table(self, instance: ServerInstance) -> Start:
        return start_of(
            self._layout,
            self._terms.choice,
            instance,
            # As it is when an adapter is loaded: the plan changes with every promotion.
            self.vet,
        )

    def _heard(self, version: str, failure: str) -> None:
        health = self._health.get(version)
        if health is None:
            health = self._health[version] = Health(version, self._terms.health)
        reason = health.heard(failure)
        if reason:
            self._health[version] = Health(version, self._terms.health)
            self._spawn(self._taken_back(version, reason))

    def _spawn(self, work: Coroutine[None, None, None]) -> asyncio.Task[None]:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    def _try_again(self) -> None:
        if self._again is None or self._again.done():
            self._again = self._spawn(self._once_more(self._again_s))
            self._again_s = min(2 * self._again_s, _LONGEST_AGAIN_S)

    async def _once_more(self, wait_s: float) -> None:
        await asyncio.sleep(wait_s)
        # It counts as done from here on, so that the next failure has its own.
        self._again = None
        try:
            await self.refresh()
        except (PipelineError, ValueError, OSError) as error:
            self._told(f"what the registry says now cannot be served: {error}")
            self._try_again()

    async def _taken_back(self, version: str, reason: str) -> None:
        try:
            if await asyncio.to_thread(partial(self._roll_back, version, reason)):
                self._told(f"{version} is rolled back: {reason}")
                return
            if version not in {adapter.version for adapter, _ in self._beside.canaries.values()}:
                # Taken back already: its last requests end after it has gone.
                return
            self._beside = without(self._beside, version)
            self._told(f"{version} is no canary any more: {reason}")
            await self.refresh()
        except (PipelineError, OSError) as error:
            self._told(f"{version} should be rolled back ({reason}), but: {error}")


def without(beside: Beside, version: str) -> Beside:
    """The same without a version."""
    return replace(
        beside,
        canaries={k: v for k, v in beside.canaries.items() if v[0].version != version},
        shadows={k: v for k, v in beside.shadows.items() if v.version != version},
    )
