"""Promotions onto a server that waits for its turn: who served serves on until it has loaded."""

from __future__ import annotations

import pytest

from cra_pipeline.contracts.workspace import Layout
from cra_pipeline.integrations.adapter_files import WEIGHTS
from cra_pipeline.integrations.serving.instance import Instance
from cra_pipeline.registry.stage.promoting import promote
from cra_pipeline.serving.stage.running import Terms
from cra_pipeline_tests.serving.fake_server import BAD
from cra_pipeline_tests.serving.running_worlds import PATIENCE, Running, played, running
from cra_pipeline_tests.serving.worlds import ServingWorld, stand_in_base

# Each base needs 1.3 GiB and some: there is room for one of them.
ONE = Terms(memory=2 * 2**30, upstream=PATIENCE, again_s=60.0)
REASONING = "reasoning-4k-base-v1"


@pytest.fixture
def world(layout: Layout) -> ServingWorld:
    reasoning = stand_in_base(layout, REASONING, "reasoning")
    stand_in_base(layout, "coding-4k-base-v1", "coding")
    made = ServingWorld(layout=layout, base=reasoning.content_id, record=reasoning)
    made.serve("scope", "r01")
    made.registered("scope", "r02")
    return made


async def lulled(found: Running) -> None:
    """Have the reasoning group sleep."""
    await found.who()
    await found.who(call_kind="implement")
    assert found.serving.line_up.instances[REASONING].asleep


def test_the_old_version_stays_until_the_first_wake_loaded_the_new_one(world: ServingWorld) -> None:
    async def work() -> None:
        async with running(world, ONE) as found:
            await lulled(found)
            promote(world.layout, "scope", "scope-v2", override="ada")
            assert await found.serving.refresh() == ()
            assert found.serving.line_up.instances[REASONING].loaded == ("scope-v1",)
            assert await found.who() == "scope-v1"
            await found.until_told("scope-v2 answers scope")
            assert await found.who() == "scope-v2"
            await found.until_told("scope-v1: unloaded")

    played(work())


def test_a_version_that_the_woken_server_refuses_leaves_the_old_one_serving(
    world: ServingWorld,
) -> None:
    (world.layout.adapter_version("scope-v2") / BAD).touch()

    async def work() -> None:
        async with running(world, ONE) as found:
            await lulled(found)
            promote(world.layout, "scope", "scope-v2", override="ada")
            await found.serving.refresh()
            assert await found.who() == "scope-v1"
            await found.until_told("scope-v2 does not serve")
            assert await found.who() == "scope-v1"

    played(work())


def test_a_turn_that_goes_wrong_is_given_again(
    world: ServingWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    sleep, tries = Instance.sleep, 0

    async def sleeps_at_the_second(instance: Instance) -> None:
        nonlocal tries
        tries += 1
        if tries == 1:
            raise KeyError("a defect of ours")
        await sleep(instance)

    async def work() -> None:
        async with running(world, ONE) as found:
            monkeypatch.setattr(Instance, "sleep", sleeps_at_the_second)
            assert await found.who(call_kind="implement") == "coding-4k-base-v1"
            assert any("a turn could not be given" in line for line in found.told)

    played(work())


def test_a_version_is_vetted_even_while_its_server_sleeps(world: ServingWorld) -> None:
    async def work() -> None:
        async with running(world, ONE) as found:
            await lulled(found)
            promote(world.layout, "scope", "scope-v2", override="ada")
            (world.layout.adapter_version("scope-v2") / WEIGHTS).write_bytes(b"others")
            (failed,) = await found.serving.refresh()
            assert "it was replaced" in failed
            assert await found.who() == "scope-v1"

    played(work())
