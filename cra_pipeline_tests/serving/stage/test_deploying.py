"""A deployment is what really served and answered; the models are made up, the rest is real."""

from __future__ import annotations

import shutil
from functools import partial

import pytest

from cra_pipeline.contracts.serving import Deployment, ServerInstance
from cra_pipeline.contracts.workspace import Layout
from cra_pipeline.errors import ModelError
from cra_pipeline.integrations.adapter_files import WEIGHTS
from cra_pipeline.integrations.files import read_record, write_record
from cra_pipeline.integrations.serving.instance import Start
from cra_pipeline.registry.stage.in_service import in_service, registered
from cra_pipeline.registry.stage.promoting import promote
from cra_pipeline.serving.stage.deploying import (
    Means,
    check_deployment,
    deploy,
    deployment_path,
)
from cra_pipeline.serving.stage.prompts import sample
from cra_pipeline.serving.stage.running import Terms
from cra_pipeline_tests.serving.fake_program import BASE
from cra_pipeline_tests.serving.fake_server import BAD, fake_server
from cra_pipeline_tests.serving.logged import entry, held, log_prompts
from cra_pipeline_tests.serving.worlds import ServingWorld, stand_in_world

pytestmark = pytest.mark.slow  # each starts a server

PROMPT = "Task: add a discount\nFile: till.py\nyes?"


@pytest.fixture
def world(layout: Layout) -> ServingWorld:
    made = stand_in_world(layout)
    made.serve("scope", "r01")
    held(layout, "scope", "r01")
    entry(layout, "scope", "r01")
    log_prompts(layout, PROMPT)
    return made


def means(layout: Layout) -> Means:
    def starter(instance: ServerInstance) -> Start:
        return partial(fake_server, instance.base_id, layout.scratch)

    return Means(active=in_service, terms=Terms(memory=8 * 2**30), starter=starter)


def deployed(layout: Layout, round_name: str = "r01") -> Deployment:
    return read_record(deployment_path(layout, round_name), Deployment)


def test_what_serves_is_started_asked_and_written_down(world: ServingWorld) -> None:
    layout = world.layout
    log_prompts(layout, "Edit it. yes", call_kind="implement", repo="other")
    report = deploy(layout, "r01", means(layout))
    found = deployed(layout)

    assert [(one.call_kind, one.model, one.response) for one in found.answers] == [
        ("implement", "tiny-4k-base-v1", "yes"), ("scope", "scope-v1", "yes"),
    ]  # fmt: skip
    (version,) = found.versions
    assert (version.served_as, version.gated_as) == ("float32", "float32")
    assert version.adapter_digest == in_service(layout).adapters[0].adapter_digest
    assert report.manifest.rows == 1
    assert report.manifest.content_id == found.digest()
    assert [item.name for item in found.inputs] == ["registry_entry/scope|r01"]
    assert check_deployment(layout, "r01", registered).passed

    before = deployment_path(layout, "r01").read_bytes()
    deploy(layout, "r01", means(layout))
    assert deployment_path(layout, "r01").read_bytes() == before


def test_a_deployment_stands_until_the_next_one_answers(world: ServingWorld) -> None:
    layout = world.layout
    deploy(layout, "r01", means(layout))
    first = deployed(layout)
    world.registered("scope", "r02")
    promote(layout, "scope", "scope-v2", override="ada")
    bad = layout.adapter_version("scope-v2") / BAD
    bad.touch()
    with pytest.raises(ModelError, match=r"scope-v2: .*refuses"):
        deploy(layout, "r02", means(layout))
    assert not deployment_path(layout, "r02").exists()
    assert deployed(layout) == first

    bad.unlink()
    deploy(layout, "r02", means(layout))
    assert deployed(layout, "r02").previous == first.digest()


def test_an_answer_of_another_model_is_no_deployment(world: ServingWorld) -> None:
    log_prompts(world.layout, f"yes? {BASE}")
    with pytest.raises(ModelError, match="tiny-4k-base-v1 answered"):
        deploy(world.layout, "r01", means(world.layout))

    assert not deployment_path(world.layout, "r01").exists()


def test_the_check_finds_what_was_not_gated(world: ServingWorld) -> None:
    layout = world.layout
    held(layout, "scope", "r01", "bfloat16, fp8")
    deploy(layout, "r01", means(layout))
    report = check_deployment(layout, "r01", registered)
    assert report.findings == (
        "scope-v1: served as float32, gated as bfloat16, fp8: gate it in the form that serves",
    )

    held(layout, "scope", "r01")
    deploy(layout, "r01", means(layout))
    (layout.adapter_version("scope-v1") / WEIGHTS).write_bytes(b"others")
    report = check_deployment(layout, "r01", registered)
    assert "the adapter in its folder is" in report.findings[0]

    (layout.bases / "tiny-4k-base-v1" / "model" / "config.json").write_text("{}")
    assert "not the frozen base" in check_deployment(layout, "r01", registered).findings[0]


def test_an_edited_deployment_is_found(world: ServingWorld) -> None:
    layout = world.layout
    deploy(layout, "r01", means(layout))
    told = deployed(layout)
    (version,) = told.versions
    edited = version.model_copy(update={"adapter_digest": "0" * 64})
    write_record(deployment_path(layout, "r01"), told.model_copy(update={"versions": (edited,)}))
    findings = check_deployment(layout, "r01", registered).findings

    assert "deployment.json was edited" in findings[0]
    assert "the adapter that was served is 000000000000" in findings[1]


def test_a_kind_without_a_logged_prompt_is_told_and_no_fault(world: ServingWorld) -> None:
    shutil.rmtree(world.layout.root / "triples")
    log_prompts(world.layout, "rendered, not sent", source="rendered")
    deploy(world.layout, "r01", means(world.layout))
    report = check_deployment(world.layout, "r01", registered)

    assert report.passed
    assert deployed(world.layout).unasked == ("scope",)
    assert "no prompt of its calls (scope) is logged" in report.notes[0]


def test_a_sample_is_drawn_by_hash_and_knows_each_prompt_once(layout: Layout) -> None:
    log_prompts(layout, *(f"File: {number}.py" for number in range(30)), repo="a")
    log_prompts(layout, *(f"File: {number}.py" for number in range(10, 40)), repo="b")
    found, known = sample(layout, most=8)
    again, _ = sample(layout, most=8)
    other, _ = sample(layout, most=8, seed=1)

    assert known == 40
    assert found == again
    assert len(found["scope"]) == 8
    assert found["scope"] != other["scope"]
    assert sample(layout, most=8, call_kinds={"implement"}) == ({}, 0)
