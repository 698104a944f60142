"""The version in service answers one logged question."""

from __future__ import annotations

from functools import partial

import pytest

from cra_pipeline.contracts.serving import ServerInstance
from cra_pipeline.contracts.workspace import Layout
from cra_pipeline.errors import ModelError
from cra_pipeline.integrations.serving.instance import Start
from cra_pipeline.registry.stage.in_service import in_service
from cra_pipeline.registry.stage.promoting import roll_back
from cra_pipeline.serving.stage.asking import ask_in_service
from cra_pipeline.serving.stage.deploying import Means
from cra_pipeline.serving.stage.running import Terms
from cra_pipeline_tests.serving.fake_server import fake_server
from cra_pipeline_tests.serving.logged import log_prompts
from cra_pipeline_tests.serving.worlds import stand_in_world


def test_one_logged_question_is_answered_by_what_serves(layout: Layout) -> None:
    def starter(instance: ServerInstance) -> Start:
        return partial(fake_server, instance.base_id, layout.scratch)

    means = Means(in_service, Terms(memory=8 * 2**30), starter)
    world = stand_in_world(layout)
    world.serve("scope", "r01")
    with pytest.raises(ModelError, match="no prompt of its calls is logged"):
        ask_in_service(layout, "scope", means)
    log_prompts(layout, "File: till.py yes?")
    record = ask_in_service(layout, "scope", means)

    assert (record.model, record.response, record.prompt) == (
        "scope-v1", "yes", "File: till.py yes?",
    )  # fmt: skip
    roll_back(layout, "scope", reason="ada")
    with pytest.raises(ModelError, match="no version is in service"):
        ask_in_service(layout, "scope", means)
