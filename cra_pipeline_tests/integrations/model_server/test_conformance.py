"""What holds of every model server behind the port, asked of the real ones as processes.

The big ones are asked where they are installed (``make test-serving``), on trained adapters.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

from cra_pipeline.errors import ModelError, PipelineError
from cra_pipeline.integrations.adapter_files import CONFIG, WEIGHTS
from cra_pipeline.integrations.model_server.install import installed
from cra_pipeline.integrations.model_server.table import RunningServer, Settings, server_named
from cra_pipeline_tests.integrations.model_server.clients import at_once, chat, posted
from cra_pipeline_tests.integrations.model_server.worlds import World

Served = tuple[RunningServer, World]

BACKENDS = [
    # Its process imports torch once more: this file's one server serves all of its tests.
    pytest.param("transformers", marks=pytest.mark.slow),
    pytest.param("vllm", marks=pytest.mark.serving),
    pytest.param("llama_server", marks=pytest.mark.serving),
]


@pytest.fixture(scope="module", params=BACKENDS)
def served(request: pytest.FixtureRequest) -> Iterator[Served]:
    """A server with all adapters of its world."""
    name = str(request.param)
    world: World = request.getfixturevalue("random_world" if name == "transformers" else "trained")
    if name in {"vllm", "llama_server"}:
        require_installed(world, name)
    with server_named(name)(world.layout, world.base, Settings(), None) as server:
        for version, folder in world.adapters.items():
            server.load(version, folder)
        yield server, world


def require_installed(world: World, name: Any) -> None:  # noqa: ANN401  # a server's name
    """Skip where it is not."""
    try:
        installed(world.layout, name)
    except ModelError as error:
        pytest.skip(str(error))


def test_the_base_is_named_first_and_then_the_versions(served: Served) -> None:
    server, world = served

    assert server.models() == world.names
    assert server.served_as == "float32"
    assert not server.ended


def test_each_name_is_answered_as_the_trainers_own_model_does(served: Served) -> None:
    server, world = served
    for name in world.names:
        for text in world.questions[:8]:
            reply = chat(server, name, text)

            assert reply.text == world.expected(name, text), (name, text)
            assert reply.body["model"] == name


def test_answers_are_the_same_among_those_of_other_adapters(served: Served) -> None:
    server, world = served
    asked = [(name, text) for text in world.questions for name in world.names]
    replies = at_once(server, asked)

    assert [reply.status for reply in replies] == [200] * len(asked)
    assert [reply.text for reply in replies] == [world.expected(*one) for one in asked]


def test_no_other_model_answers_for_one_that_is_not_served(served: Served) -> None:
    server, world = served
    for name in ("scope-v9", "", "base", world.base.name + "x"):
        reply = chat(server, name, world.questions[0])

        assert reply.status in {400, 404}, name
        assert "choices" not in reply.body


@pytest.mark.parametrize(
    "body", [b"", b"{", b"[]", b'{"model": 3}', b'{"messages": []}', b"\xff\xfe"]
)
def test_what_is_no_question_is_refused_and_harms_nobody(served: Served, body: bytes) -> None:
    server, world = served
    reply = posted(server, "/chat/completions", body)

    assert 400 <= reply.status < 500, reply
    assert chat(server, world.base.name, world.questions[0]).status == 200


def test_a_question_larger_than_the_window_is_refused_with_both_sizes(served: Served) -> None:
    server, world = served
    reply = chat(server, world.names[1], "fix this one " * world.base.window)

    assert reply.status == 400
    assert str(world.base.window) in json.dumps(reply.body)


def test_a_name_never_gets_another_content(served: Served) -> None:
    server, world = served
    first, second = sorted(world.adapters)[:2]
    with pytest.raises(ModelError, match="never given anew"):
        server.load(first, world.adapters[second])

    assert chat(server, first, world.questions[0]).text == world.expected(first, world.questions[0])
    server.load(first, world.adapters[first])


def test_the_bases_name_is_no_adapters(served: Served) -> None:
    server, world = served
    with pytest.raises(ModelError):
        server.load(world.base.name, next(iter(world.adapters.values())))


def test_an_adapter_that_is_not_finite_is_refused_and_spoils_nothing(
    served: Served, tmp_path: Path
) -> None:
    server, world = served
    version = min(world.adapters)
    with pytest.raises(PipelineError, match="finite"):
        server.load("spoiled-v1", spoiled(world.adapters[version], tmp_path / "spoiled"))

    assert server.models() == world.names
    for name in world.names:
        assert chat(server, name, world.questions[0]).text == world.expected(
            name, world.questions[0]
        )


def spoiled(adapter: Path, folder: Path) -> Path:
    """A copy with one figure that is none."""
    shutil.copytree(adapter, folder, copy_function=shutil.copyfile)
    weights = load_file(folder / WEIGHTS)
    first = min(weights)
    weights[first] = np.full_like(weights[first], np.nan)
    save_file(weights, folder / WEIGHTS)
    return folder


def test_files_that_are_replaced_under_a_server_change_no_answer_and_are_noticed(
    served: Served, tmp_path: Path
) -> None:
    server, world = served
    first, second = sorted(world.adapters)[:2]
    folder = tmp_path / "adapter"
    shutil.copytree(world.adapters[first], folder, copy_function=shutil.copyfile)
    server.load("replaced-v1", folder)
    for name in (CONFIG, WEIGHTS):
        shutil.copyfile(world.adapters[second] / name, folder / name)
    text = world.questions[0]
    answered = chat(server, "replaced-v1", text).text
    with pytest.raises(ModelError, match="never given anew"):
        server.load("replaced-v1", folder)
    server.unload("replaced-v1")

    assert answered == world.expected(first, text)
    assert chat(server, "replaced-v1", text).status == 404
    assert server.models() == world.names


def test_what_is_not_served_cannot_be_unloaded(served: Served) -> None:
    with pytest.raises(ModelError):
        served[0].unload("scope-v9")
