"""Service by the registry, over real sockets and processes; only the models are made up."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
from functools import partial

import pytest

from cra_pipeline.contracts.calls import ModelAnswer
from cra_pipeline.contracts.serving import Comparison
from cra_pipeline.contracts.workspace import Layout
from cra_pipeline.errors import ModelError
from cra_pipeline.integrations.adapter_files import WEIGHTS
from cra_pipeline.integrations.files import peek_journal
from cra_pipeline.integrations.responders.lane import LanePolicy, QueueFullError, WindowError
from cra_pipeline.integrations.responders.upstream import UnavailableError
from cra_pipeline.registry.stage.in_service import in_service, registered
from cra_pipeline.registry.stage.promoting import promote, roll_back
from cra_pipeline.serving.canary import draw
from cra_pipeline.serving.routes import Beside
from cra_pipeline.serving.stage.running import Terms
from cra_pipeline_tests.integrations.responders.servers import request
from cra_pipeline_tests.serving.fake_program import BASE, CRASH, MUMBLE, REFUSE, SLEEP
from cra_pipeline_tests.serving.fake_server import BAD
from cra_pipeline_tests.serving.running_worlds import PATIENCE, played, running
from cra_pipeline_tests.serving.worlds import ServingWorld, stand_in_base, stand_in_world


@pytest.fixture
def world(layout: Layout) -> ServingWorld:
    made = stand_in_world(layout)
    made.serve("scope", "r01")
    made.registered("scope", "r02")
    return made


def test_versions_answer_their_kind_and_the_base_the_rest(world: ServingWorld) -> None:
    async def work() -> None:
        async with running(world) as found:
            assert await found.who() == "scope-v1"
            assert await found.who(call_kind="implement") == "tiny-4k-base-v1"
            with pytest.raises(ModelError, match="but tiny-4k-base-v1 answered"):
                await found.ask(f"who? {BASE}")
            assert (await found.ask("yes?")).text == "yes"

    played(work())


def test_promotions_and_rollbacks_serve_live_under_load_and_no_request_fails(
    world: ServingWorld,
) -> None:
    async def work() -> None:
        terms = Terms(memory=8 * 2**30, upstream=PATIENCE, lane=LanePolicy(at_once=4))
        async with running(world, terms, follow=True) as found:
            heard: list[str] = []
            ended = asyncio.Event()

            async def client(number: int) -> None:
                while not ended.is_set():
                    # An answer that the agent can read, or the version would be taken back.
                    heard.append((await found.ask("yes?", number=number)).model)

            clients = [asyncio.create_task(client(number)) for number in range(12)]
            for act, version in (
                (partial(promote, world.layout, "scope", "scope-v2", override="ada"), "scope-v2"),
                (partial(roll_back, world.layout, "scope", reason="bob"), "scope-v1"),
            ):
                await asyncio.to_thread(act)

                async def serves(version: str = version) -> bool:
                    return (await found.ask("yes?")).model == version

                await found.until(serves)
            ended.set()
            await asyncio.gather(*clients)
            await found.serving.line_up.settled()

            assert set(heard) == {"scope-v1", "scope-v2"}
            # Once a version has gone it answers nobody any more.
            assert found.serving.line_up.instances["tiny-4k-base-v1"].loaded == ("scope-v1",)
            assert "scope-v2: unloaded" in found.told

    played(work())


def test_the_old_version_is_unloaded_after_its_last_request(world: ServingWorld) -> None:
    async def work() -> None:
        async with running(world) as found:
            slow = asyncio.create_task(found.ask(f"who? {SLEEP}"))
            await asyncio.sleep(0.1)
            promote(world.layout, "scope", "scope-v2", override="ada")
            await found.serving.refresh()
            assert await found.who() == "scope-v2"
            assert not slow.done()
            assert (await slow).model == "scope-v1"
            await found.serving.line_up.settled()
            assert found.told[-1] == "scope-v1: unloaded"

    played(work())


def test_a_version_that_cannot_be_loaded_leaves_the_old_one_serving(world: ServingWorld) -> None:
    (world.layout.adapter_version("scope-v2") / BAD).touch()

    async def work() -> None:
        async with running(world) as found:
            promote(world.layout, "scope", "scope-v2", override="ada")
            (failed,) = await found.serving.refresh()

            assert "scope-v2" in failed
            assert "the server refuses it" in failed
            assert await found.who() == "scope-v1"
            assert any("scope-v2 does not serve" in line for line in found.told)

    played(work())


def test_what_could_not_be_served_is_tried_again_without_a_person(world: ServingWorld) -> None:
    bad = world.layout.adapter_version("scope-v1") / BAD
    bad.touch()

    async def work() -> None:
        terms = Terms(memory=8 * 2**30, upstream=PATIENCE, again_s=0.1)
        async with running(world, terms) as found:
            await found.until_told("scope-v1 does not serve")
            bad.unlink()
            await found.until_told("scope-v1 answers scope")
            assert await found.who() == "scope-v1"

    played(work())


def test_without_an_old_version_nobody_stands_in(world: ServingWorld) -> None:
    (world.layout.adapter_version("scope-v1") / BAD).touch()

    async def work() -> None:
        async with running(world) as found:
            with pytest.raises(ModelError, match="scope-v1 is in service, but could not"):
                await found.ask()
            assert await found.who(call_kind="similarity") == "tiny-4k-base-v1"

    played(work())


def test_files_replaced_under_a_version_are_not_served(world: ServingWorld) -> None:
    async def work() -> None:
        async with running(world) as found:
            (world.layout.adapter_version("scope-v1") / WEIGHTS).write_bytes(b"others")
            assert await found.who() == "scope-v1"  # what was loaded is in the server's memory
            os.kill(found.pid, signal.SIGKILL)
            await found.until_told("scope-v1: could not be loaded again")
            await found.until_told("serves again")
            with pytest.raises(ModelError, match="404"):
                await found.ask()

    played(work())


def test_a_killed_server_comes_back_and_requests_wait_for_it(world: ServingWorld) -> None:
    async def work() -> None:
        async with running(world) as found:
            first = found.pid
            os.kill(first, signal.SIGKILL)
            heard = await asyncio.gather(*(found.who(number=number) for number in range(20)))

            assert heard == ["scope-v1"] * 20
            assert found.pid != first
            assert any("started again" in line for line in found.told)

    played(work())


def test_a_request_that_kills_its_server_gets_a_typed_error_and_others_an_answer(
    world: ServingWorld,
) -> None:
    async def work() -> None:
        async with running(world) as found:
            with pytest.raises(UnavailableError, match="the connection broke"):
                await found.ask(CRASH)

            async def answers() -> bool:
                return await found.who() == "scope-v1"

            await found.until(answers)

    played(work())


def test_a_request_larger_than_the_window_is_not_sent(world: ServingWorld) -> None:
    async def work() -> None:
        async with running(world) as found:
            with pytest.raises(WindowError, match=r"tokens of prompt .* window of 4096"):
                await found.ask("x y z " * 4000)
            with pytest.raises(WindowError):
                await found.ask(max_tokens=5000)
            # Long in bytes, but not in tokens.
            assert (await found.ask("yes" + " no" * 1900)).text == "yes"

    played(work())


def test_a_full_queue_refuses_at_once(world: ServingWorld) -> None:
    async def work() -> None:
        lane = LanePolicy(at_once=2, waiting=3)
        terms = Terms(memory=8 * 2**30, upstream=PATIENCE, lane=lane)
        async with running(world, terms) as found:
            ends = await asyncio.gather(
                *(found.ask(SLEEP, number=number) for number in range(8)), return_exceptions=True
            )
            refused = [end for end in ends if isinstance(end, QueueFullError)]

            assert len(refused) == 3
            assert sum(isinstance(end, ModelAnswer) for end in ends) == 5

    played(work())


@pytest.mark.parametrize("fault", [REFUSE, MUMBLE])
def test_a_version_whose_requests_fail_is_rolled_back(world: ServingWorld, fault: str) -> None:
    promote(world.layout, "scope", "scope-v2", override="ada")

    async def work() -> None:
        async with running(world, follow=True) as found:
            await asyncio.gather(
                *(found.ask(fault, temperature=0.0, number=number) for number in range(25)),
                return_exceptions=True,
            )

            async def back() -> bool:
                return await found.who() == "scope-v1"

            await found.until(back)
            (line,) = [line for line in found.told if "rolled back" in line]
            assert line.startswith("scope-v2 is rolled back: ")

    played(work())
    assert in_service(world.layout).adapters[0].version == "scope-v1"


def test_a_canary_answers_its_share_and_is_dropped_when_it_fails(world: ServingWorld) -> None:
    beside = Beside(canaries={"scope": (registered(world.layout, "scope-v2"), 0.5)}, shadows={})

    async def work() -> None:
        async with running(
            world, Terms(memory=8 * 2**30, beside=beside, upstream=PATIENCE)
        ) as found:
            heard = [(await found.ask(f"yes {number}")).model for number in range(60)]
            assert 15 < heard.count("scope-v2") < 45
            prompts = [f"{REFUSE} {number}" for number in range(80)]
            for prompt in prompts:
                # Only what goes to the canary, so that the version in service stays well.
                if draw(request(prompt=prompt)) < 0.5:
                    with contextlib.suppress(ModelError):
                        await found.ask(prompt)
            await found.until_told("is no canary any more")
            assert {(await found.ask(f"yes {n}")).model for n in range(20)} == {"scope-v1"}

    played(work())


def test_a_shadow_is_asked_beside_compared_and_never_heard(world: ServingWorld) -> None:
    beside = Beside(canaries={}, shadows={"scope": registered(world.layout, "scope-v2")})

    async def work() -> None:
        async with running(
            world, Terms(memory=8 * 2**30, beside=beside, upstream=PATIENCE)
        ) as found:
            asked = ["who?", "yes?", f"who? {SLEEP}"]
            begun = asyncio.get_running_loop().time()
            heard = [(await found.ask(prompt)).text for prompt in asked]
            took = asyncio.get_running_loop().time() - begun
            shadows = found.serving.line_up.service.shadows
            assert shadows is not None
            await shadows.done()

        assert heard == ["scope-v1", "yes", "scope-v1"]
        assert took < 0.55  # one sleep, not two

    played(work())
    lines = peek_journal(world.layout.root / "serving" / "comparisons.jsonl", Comparison)
    assert [(line.response, line.shadow_response) for line in lines] == [
        ("scope-v1", "scope-v2"), ("yes", "yes"), ("scope-v1", "scope-v2"),
    ]  # fmt: skip
    assert [line.error for line in lines] == ["", "", ""]


def test_bases_that_do_not_fit_together_take_turns_and_every_request_is_answered(
    layout: Layout,
) -> None:
    reasoning = stand_in_base(layout, "reasoning-4k-base-v1", "reasoning")
    stand_in_base(layout, "coding-4k-base-v1", "coding")
    world = ServingWorld(layout=layout, base=reasoning.content_id, record=reasoning)
    world.serve("scope", "r01")

    async def work() -> None:
        # Each needs 1.3 GiB and some: there is room for one of them.
        async with running(world, Terms(memory=2 * 2**30, upstream=PATIENCE)) as found:
            groups = found.serving.plan.layout.groups
            assert [group.phase for group in groups] == ["reasoning", "coding"]
            assert "coding-4k-base-v1: its server waits for its turn" in found.told
            for _ in range(2):
                asked = [found.who(number=number) for number in range(5)]
                coded = [found.who(call_kind="implement", number=number) for number in range(5)]
                heard = await asyncio.gather(*coded, *asked)
                assert heard == ["coding-4k-base-v1"] * 5 + ["scope-v1"] * 5
                up = [item.asleep for item in found.serving.line_up.instances.values()]
                assert sorted(up) == [False, True]

    played(work())
