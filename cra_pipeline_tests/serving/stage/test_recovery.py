"""What goes wrong while the registry changes, and what clients do wrong: nothing is lost by it."""

from __future__ import annotations

import asyncio
import os
import signal

import pytest

from cra_pipeline.contracts.workspace import Layout
from cra_pipeline.errors import GuardError
from cra_pipeline.registry.stage.in_service import in_service
from cra_pipeline.registry.stage.promoting import promote
from cra_pipeline.serving.stage.running import Terms
from cra_pipeline_tests.serving.fake_program import MUMBLE, REJECT
from cra_pipeline_tests.serving.fake_server import BAD
from cra_pipeline_tests.serving.running_worlds import PATIENCE, played, running
from cra_pipeline_tests.serving.worlds import ServingWorld, stand_in_world


@pytest.fixture
def world(layout: Layout) -> ServingWorld:
    made = stand_in_world(layout)
    made.serve("scope", "r01")
    made.registered("scope", "r02")
    return made


def test_a_server_that_dies_while_the_registry_changes_comes_back_with_the_old_version(
    world: ServingWorld,
) -> None:
    async def work() -> None:
        async with running(world, Terms(memory=8 * 2**30, upstream=PATIENCE, again_s=0.2)) as found:
            os.kill(found.pid, signal.SIGKILL)
            promote(world.layout, "scope", "scope-v2", override="ada")
            await found.serving.refresh()
            assert await found.who() == "scope-v1"
            assert "scope-v1" not in found.serving.plan.adapters

            async def serves() -> bool:
                return await found.who() == "scope-v2"

            await found.until(serves)
            assert not [line for line in found.told if "could not be loaded again" in line]

    played(work())


def test_an_adapter_that_was_never_to_be_served_is_refused_by_name(world: ServingWorld) -> None:
    async def work() -> None:
        async with running(world) as found:
            with pytest.raises(GuardError, match="scope-v7 is no version that was to be served"):
                found.serving.vet(world.layout.adapter_version("scope-v7"))

    played(work())


@pytest.mark.parametrize(
    ("fault", "settings"),
    [
        (REJECT, {"temperature": 0.0}),
        (MUMBLE, {"temperature": 1.9}),
        (MUMBLE, {"temperature": 0.0, "max_tokens": 1}),
    ],
)
def test_no_client_takes_a_version_out_of_service_by_its_own_settings(
    world: ServingWorld, fault: str, settings: dict[str, object]
) -> None:
    promote(world.layout, "scope", "scope-v2", override="ada")

    async def work() -> None:
        async with running(world, follow=True) as found:
            await asyncio.gather(
                *(found.ask(fault, number=number, **settings) for number in range(40)),
                return_exceptions=True,
            )
            await asyncio.sleep(0.1)
            assert not [line for line in found.told if "rolled back" in line]
            assert await found.who() == "scope-v2"

    played(work())
    assert in_service(world.layout).adapters[0].version == "scope-v2"


def test_what_cannot_even_be_planned_is_tried_until_it_can(world: ServingWorld) -> None:
    bad = world.layout.adapter_version("scope-v1") / BAD
    bad.touch()
    base = world.layout.bases / world.record.base_id / "base.json"
    aside = base.with_suffix(".aside")

    async def work() -> None:
        async with running(
            world, Terms(memory=8 * 2**30, upstream=PATIENCE, again_s=0.05)
        ) as found:
            base.rename(aside)

            async def told_twice() -> bool:
                return sum("cannot be served" in line for line in found.told) > 1

            await found.until(told_twice)
            aside.rename(base)
            bad.unlink()
            await found.until_told("scope-v1 answers scope")

    played(work())


def test_a_change_that_could_not_be_read_is_followed_without_a_further_one(
    world: ServingWorld,
) -> None:
    base = world.layout.bases / world.record.base_id / "base.json"
    aside = base.with_suffix(".aside")

    async def work() -> None:
        terms = Terms(memory=8 * 2**30, upstream=PATIENCE, again_s=1.0)
        async with running(world, terms, follow=True) as found:
            base.rename(aside)
            promote(world.layout, "scope", "scope-v2", override="ada")
            await found.until_told("cannot be served")
            aside.rename(base)
            await found.until_told("scope-v2 answers scope")

    played(work())


def test_a_version_that_was_taken_back_is_told_of_once(world: ServingWorld) -> None:
    promote(world.layout, "scope", "scope-v2", override="ada")

    async def work() -> None:
        async with running(world, follow=True) as found:
            asked = (found.ask(MUMBLE, temperature=0.0, number=number) for number in range(90))
            await asyncio.gather(*asked)
            await found.until_told("scope-v2: unloaded")
            about = [line for line in found.told if "rolled back" in line or "canary" in line]
            assert len(about) == 1, about

    played(work())
