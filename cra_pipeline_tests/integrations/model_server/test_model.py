"""The server's answers are those of transformers; adapters never leak into each other."""

from __future__ import annotations

import json
import random
from pathlib import Path

import pytest

from cra_pipeline.integrations.model_server.decoding import LeftError, Wanted
from cra_pipeline.integrations.model_server.model import LoadedModel
from cra_pipeline.integrations.model_server.protocol import RefusedError
from cra_pipeline_tests.integrations.model_server.models import (
    WINDOW,
    generated,
    prompt_ids,
)

pytestmark = pytest.mark.slow  # torch is imported

MOST = 12


def said(
    model: LoadedModel, name: str, prompt: tuple[int, ...], most: int = MOST
) -> tuple[int, ...]:
    return model.answer(name, Wanted(prompt=prompt, most=most), lambda: False).ids


def test_greedy_answers_are_those_of_generate_alone_and_interleaved(
    model: LoadedModel, base: Path, adapters: dict[str, Path]
) -> None:
    prompts = [prompt_ids(base, prompt=f"Is file {number} of use? " * number) for number in (1, 4)]
    wanted = {
        (name, prompt): generated(base, adapters.get(name), prompt, MOST)
        for name in model.names
        for prompt in prompts
    }
    order = [*wanted] * 2
    random.Random(0).shuffle(order)  # noqa: S311  # an order, no secret
    found = [(key, said(model, *key)) for key in order]

    assert all(wanted[key] == ids for key, ids in found)
    assert len({wanted[name, prompts[0]] for name in model.names}) == 3


def test_a_base_that_never_met_an_adapter_says_the_same(model: LoadedModel, base: Path) -> None:
    prompt = prompt_ids(base)
    alone = LoadedModel(base, "tiny", window=WINDOW, precision="float32")

    assert said(alone, "tiny", prompt) == said(model, "tiny", prompt)


def test_draws_hang_on_their_seed_alone(model: LoadedModel, base: Path) -> None:
    def drawn(seed: int) -> tuple[int, ...]:
        wanted = Wanted(prompt=prompt_ids(base), most=MOST, temperature=1.0, seed=seed)
        return model.answer("scope-v1", wanted, lambda: False).ids

    first = drawn(1)
    said(model, "scope-v2", prompt_ids(base))

    assert drawn(1) == first
    assert len({drawn(seed) for seed in range(4)}) > 1


def test_a_stop_text_ends_the_answer_and_is_no_part_of_it(model: LoadedModel, base: Path) -> None:
    prompt = prompt_ids(base)
    whole = model.answer("scope-v1", Wanted(prompt=prompt, most=MOST), lambda: False).text
    stop = whole[len(whole) // 2 :][:2]
    cut = model.answer("scope-v1", Wanted(prompt=prompt, most=MOST, stops=(stop,)), lambda: False)

    assert cut.finish == "stop"
    assert cut.text == whole[: whole.index(stop)]


def test_an_answer_that_nobody_waits_for_is_broken_off(model: LoadedModel, base: Path) -> None:
    asked = iter([False, False, True])

    with pytest.raises(LeftError):
        model.answer("tiny", Wanted(prompt=prompt_ids(base), most=WINDOW), lambda: next(asked))


def test_a_name_is_never_given_anew(base: Path, adapters: dict[str, Path]) -> None:
    model = LoadedModel(base, "tiny", window=WINDOW, precision="float32")
    prompt = prompt_ids(base)
    before = said(model, "tiny", prompt)
    first, second = adapters.values()
    model.load("scope-v1", first)
    told = said(model, "scope-v1", prompt)
    model.load("scope-v1", first)
    for taken in ("scope-v1", "tiny"):
        with pytest.raises(RefusedError, match="another model"):
            model.load(taken, second)
    model.unload("scope-v1")
    with pytest.raises(RefusedError, match="not served"):
        said(model, "scope-v1", prompt)
    with pytest.raises(RefusedError, match="another model"):
        model.load("scope-v1", second)

    assert said(model, "tiny", prompt) == before
    model.load("scope-v1", first)
    assert said(model, "scope-v1", prompt) == told


def _torn(folder: Path) -> None:
    weights = folder / "adapter_model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-100])


def _without_weights(folder: Path) -> None:
    (folder / "adapter_model.safetensors").unlink()


def _of_fewer_layers(folder: Path) -> None:
    from safetensors.torch import load_file, save_file

    weights = load_file(folder / "adapter_model.safetensors")
    save_file(
        {key: value for key, value in weights.items() if ".layers.1." not in key},
        folder / "adapter_model.safetensors",
    )


def _not_finite(folder: Path) -> None:
    from safetensors.torch import load_file, save_file

    weights = load_file(folder / "adapter_model.safetensors")
    weights[min(weights)][0, 0] = float("nan")
    save_file(weights, folder / "adapter_model.safetensors")


def _of_another_rank(folder: Path) -> None:
    told = json.loads((folder / "adapter_config.json").read_text())
    (folder / "adapter_config.json").write_text(json.dumps(told | {"r": 2}))


def _dora(folder: Path) -> None:
    told = json.loads((folder / "adapter_config.json").read_text())
    (folder / "adapter_config.json").write_text(json.dumps(told | {"use_dora": True}))


@pytest.mark.parametrize(
    "broken",
    [_torn, _without_weights, _of_fewer_layers, _not_finite, _of_another_rank, _dora],
)
@pytest.mark.filterwarnings("ignore:Found missing adapter keys")  # PEFT's own word on it
def test_an_adapter_that_is_not_sound_is_refused_and_nothing_else_suffers(
    model: LoadedModel, base: Path, adapters: dict[str, Path], tmp_path: Path, broken: object
) -> None:
    prompt = prompt_ids(base)
    before = {name: said(model, name, prompt) for name in model.names}
    folder = tmp_path / "broken"
    folder.mkdir()
    for file in adapters["scope-v1"].iterdir():
        (folder / file.name).write_bytes(file.read_bytes())
    assert callable(broken)
    broken(folder)
    with pytest.raises(RefusedError) as refused:
        model.load("scope-v9", folder)

    assert refused.value.status == 400
    assert {name: said(model, name, prompt) for name in model.names} == before
