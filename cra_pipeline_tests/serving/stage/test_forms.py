"""A version serves in the form that was gated, or not without somebody's word."""

from __future__ import annotations

import asyncio
from functools import partial

import pytest

from cra_pipeline.contracts.serving import ServerInstance
from cra_pipeline.contracts.workspace import Layout
from cra_pipeline.errors import ModelError
from cra_pipeline.integrations.serving.instance import Start
from cra_pipeline.integrations.serving.starting import ServerChoice
from cra_pipeline.registry.stage.in_service import in_service
from cra_pipeline.registry.stage.promoting import promote
from cra_pipeline.serving.stage.running import Serving, Terms
from cra_pipeline_tests.integrations.responders.servers import request
from cra_pipeline_tests.serving.fake_server import fake_server
from cra_pipeline_tests.serving.logged import held
from cra_pipeline_tests.serving.worlds import ServingWorld, stand_in_world


@pytest.fixture
def world(layout: Layout) -> ServingWorld:
    made = stand_in_world(layout)
    made.serve("scope", "r01")
    held(layout, "scope", "r01", "float32")
    made.registered("scope", "r02")
    held(layout, "scope", "r02", "bfloat16")
    return made


def refreshed(
    world: ServingWorld, *promoted: str, **terms: object
) -> tuple[list[tuple[str, ...]], str, list[str]]:
    """What each refresh could not do, who answers at the end, and what was told."""
    told: list[str] = []

    def starter(instance: ServerInstance) -> Start:
        return partial(fake_server, instance.base_id, world.layout.scratch)

    async def work() -> tuple[list[tuple[str, ...]], str, list[str]]:
        serving = Serving(
            world.layout, in_service, lambda *_: False, told=told.append, starter=starter,
            terms=Terms(memory=8 * 2**30, **terms),  # type: ignore[arg-type]  # of the caller
        )  # fmt: skip
        try:
            failed = [await serving.refresh()]
            for version in promoted:
                promote(world.layout, "scope", version, override="ada")
                failed.append(await serving.refresh())
            try:
                who = (await serving.responder.answer(request(prompt="who?"))).model
            except ModelError as error:
                who = str(error)
            return failed, who, told
        finally:
            await serving.responder.close()
            await serving.close()

    return asyncio.run(asyncio.wait_for(work(), 30))


def test_a_promoted_version_of_another_form_leaves_the_old_one_serving(world: ServingWorld) -> None:
    failed, who, told = refreshed(world, "scope-v2")
    reason = "scope-v2: gated as bfloat16, would be served as float32"

    assert (failed, who) == ([(), (reason,)], "scope-v1")
    assert told.count(f"{reason}: it does not serve") == 1


def test_without_an_old_version_nobody_answers_and_the_reason_is_told(world: ServingWorld) -> None:
    bfloat16 = ServerChoice(precision="bfloat16")
    ((failed,), who, _) = refreshed(world, choice=bfloat16)

    assert failed == ("scope-v1: gated as float32, would be served as bfloat16",)
    assert "scope-v1 is in service, but gated as float32" in who


def test_another_form_serves_where_it_is_allowed_and_is_told(world: ServingWorld) -> None:
    failed, who, told = refreshed(world, "scope-v2", other_form=True)

    assert (failed, who) == ([(), ()], "scope-v2")
    assert (
        "scope-v2: gated as bfloat16, would be served as float32: it does, as was allowed" in told
    )
