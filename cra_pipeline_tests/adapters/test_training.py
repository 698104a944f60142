"""Adapters are really trained here, on the tiny base: once per phase, a few steps each.

All that imports the training libraries stands in this file, as their import costs seconds.
"""

from __future__ import annotations

import hashlib
import json
import os
import resource
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from cra_pipeline.adapters.recipe import TINY
from cra_pipeline.adapters.stage.ready import Choices
from cra_pipeline.adapters.stage.train import check_adapter, train_adapter
from cra_pipeline.contracts.adapters import (
    AdapterManifest,
    AdapterRecipe,
    MemoryAnswer,
    TrainingEvent,
    TrainingJob,
)
from cra_pipeline.contracts.bases import BaseRecord
from cra_pipeline.contracts.workspace import Layout
from cra_pipeline.definitions.build import build_defs
from cra_pipeline.definitions.resources import Workspace
from cra_pipeline.errors import GuardError, StoreError, TrainingError
from cra_pipeline.integrations.bases import import_base
from cra_pipeline.integrations.training.checkpoints import newest_whole
from cra_pipeline.integrations.training.peft import PeftBench, PeftTrainer
from cra_pipeline.integrations.training.tiny_base import TinyShape, make_tiny_base
from cra_pipeline_tests.adapters.worlds import (
    dataset,
    dpo_row,
    open_round,
    phase,
    recipe,
    sft_row,
    texts,
)

pytestmark = pytest.mark.slow
ROWS = 48
CHOICES = Choices(policy=TINY, most_steps=2)
WEIGHTS = "adapter_model.safetensors"
Seen = list[tuple[TrainingEvent, int]]


@pytest.fixture(scope="session")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The tiny base's folder."""
    folder = tmp_path_factory.mktemp("tiny") / "model"
    make_tiny_base(texts(), folder)
    return folder


def job(tiny: Path, folder: Path, wanted: AdapterRecipe) -> TrainingJob:
    return TrainingJob(
        recipe=wanted,
        base=tiny,
        sft=tuple(map(sft_row, range(ROWS))),
        dpo=tuple(map(dpo_row, range(ROWS))),
        folder=folder,
    )


def sha(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def trained(tiny: Path, folder: Path, wanted: AdapterRecipe) -> tuple[AdapterManifest, Seen]:
    seen: Seen = []
    manifest = PeftTrainer().train(
        job(tiny, folder, wanted), lambda event, steps: seen.append((event, steps))
    )
    return manifest, seen


SFT = recipe(phase("sft"))
BOTH = recipe(phase("sft"), phase("dpo"), technique="sft_dpo")


@pytest.fixture(scope="session")
def whole(
    tiny: Path, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Path, AdapterManifest, Seen]:
    """An adapter of both phases that was never broken off."""
    folder = tmp_path_factory.mktemp("whole")
    return folder, *trained(tiny, folder, BOTH)


def test_both_phases_learn(whole: tuple[Path, AdapterManifest, Seen]) -> None:
    folder, manifest, seen = whole
    sft = [event for event, _ in seen if event.phase == "sft" and event.eval_loss is None]
    dpo = [event for event, _ in seen if event.phase == "dpo" and event.eval_loss is None]

    assert [event.step for event in sft] == [event.step for event in dpo] == [1, 2, 3, 4, 5, 6]
    assert sft[-1].loss < sft[0].loss / 2
    assert (dpo[-1].margin or 0.0) > 0.05
    assert sft[0].tokens < sft[-1].tokens
    assert {steps for _, steps in seen} == {6}
    assert manifest.steps == 12
    assert manifest.validation_loss is not None
    assert dict(manifest.rows) == {
        "sft train": 44, "sft validation": 4, "dpo train": 44, "dpo validation": 4,
    }  # fmt: skip
    assert sorted(path.name for path in folder.iterdir()) == [
        "adapter_config.json", WEIGHTS, "curve.jsonl", "pace.json",
    ]  # fmt: skip


def test_the_reference_of_a_preference_phase_is_the_adapter_before_it(
    whole: tuple[Path, AdapterManifest, Seen],
) -> None:
    first = next(event for event, _ in whole[2] if event.phase == "dpo")

    # Against the bare base the supervised adapter would have a margin already.
    assert first.margin == 0.0
    assert first.loss == pytest.approx(0.6931, abs=1e-3)


def test_the_configuration_names_the_base_and_no_path_of_this_machine(
    whole: tuple[Path, AdapterManifest, Seen], tiny: Path
) -> None:
    text = (whole[0] / "adapter_config.json").read_text()

    assert json.loads(text)["base_model_name_or_path"] == BOTH.base_id
    assert json.loads(text)["revision"] == BOTH.base_digest
    assert str(tiny) not in text


@contextmanager
def small_disk(most: int) -> Iterator[None]:
    """No file grows beyond so many bytes."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (most, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def test_a_full_disk_leaves_the_newest_whole_checkpoint_and_the_run_goes_on_from_it(
    whole: tuple[Path, AdapterManifest, Seen], tiny: Path, tmp_path: Path
) -> None:
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)

    def fill(event: TrainingEvent, _: int) -> None:
        # The disk is full from the step after the first checkpoint of the second phase.
        if (event.phase, event.step) == ("dpo", 4):
            resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, limits[1]))

    try:
        with pytest.raises(StoreError, match="free disk space"):
            PeftTrainer().train(job(tiny, tmp_path, BOTH), fill)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    left = newest_whole(tmp_path / "work" / "2-dpo")
    _, seen = trained(tiny, tmp_path, BOTH)

    assert left is not None
    assert left[1] == 3
    assert [event.step for event, _ in seen if event.eval_loss is None] == [4, 5, 6]
    for name in (WEIGHTS, "curve.jsonl", "adapter_config.json"):
        assert sha(tmp_path / name) == sha(whole[0] / name)
    assert json.loads((tmp_path / "pace.json").read_text())["resumed"] == 1


def test_what_another_recipe_left_is_not_gone_on_from(tiny: Path, tmp_path: Path) -> None:
    def stop(event: TrainingEvent, _: int) -> None:
        if event.step == 4:  # Behind the first checkpoint.
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        PeftTrainer().train(job(tiny, tmp_path, SFT), stop)
    _, seen = trained(tiny, tmp_path, recipe(phase("sft", most_steps=1), seed=1))

    assert seen[0][0].step == 1


def test_a_loss_that_is_not_finite_ends_the_run_and_names_the_rows(
    tiny: Path, tmp_path: Path
) -> None:
    # In the dataset's order, as a curriculum is: so the rows of the second step are known.
    fast = phase("sft", learning_rate=1e30, schedule="constant")
    wild = recipe(fast, technique="sft_curriculum")

    with pytest.raises(TrainingError, match=r"step 2: the loss is nan; rows sft-8, sft-9, sft-10,"):
        trained(tiny, tmp_path, wild)


def limited(monkeypatch: pytest.MonkeyPatch, most: int) -> None:
    """A device that holds so many rows at a time."""
    import torch

    load = PeftBench.load

    def full(_: object, arguments: tuple[Any, ...], named: dict[str, Any]) -> None:
        ids = named.get("input_ids", arguments[0] if arguments else None)
        if ids is not None and ids.shape[0] > most:
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB.")

    def loaded(bench: PeftBench, *arguments: Any) -> tuple[Any, Any]:  # noqa: ANN401  # passed on
        model, tokenizer = load(bench, *arguments)
        model.register_forward_pre_hook(full, with_kwargs=True)
        return model, tokenizer

    monkeypatch.setattr(PeftBench, "load", loaded)


def test_a_full_memory_is_answered_by_a_smaller_micro_batch_of_the_same_batch(
    tiny: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    limited(monkeypatch, 3)
    manifest, seen = trained(tiny, tmp_path, recipe(phase("sft", most_steps=2)))

    assert manifest.memory_answers == (
        MemoryAnswer(phase="sft", from_micro_batch=8, to_micro_batch=4),
        MemoryAnswer(phase="sft", from_micro_batch=4, to_micro_batch=2),
    )
    assert [event.step for event, _ in seen if event.eval_loss is None] == [1, 2]


def test_a_memory_that_holds_no_row_is_told_with_the_longest(
    tiny: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    limited(monkeypatch, 0)

    with pytest.raises(TrainingError, match=r"too small for one row .* the longest is sft-\d+ "):
        trained(tiny, tmp_path, recipe(phase("sft", micro_batch=1)))


def test_a_base_that_cannot_be_read_is_told(tiny: Path, tmp_path: Path) -> None:
    broken = tmp_path / "model"
    broken.mkdir()
    for path in tiny.iterdir():
        content = path.read_bytes()
        (broken / path.name).write_bytes(content[:99] if path.suffix == ".safetensors" else content)

    with pytest.raises(TrainingError, match="the base cannot be read"):
        trained(broken, tmp_path / "run", SFT)


def test_equal_texts_and_shape_make_the_same_base(tiny: Path, tmp_path: Path) -> None:
    make_tiny_base(texts(), tmp_path / "same")
    make_tiny_base(texts(), tmp_path / "other", TinyShape(seed=1))

    assert sha(tmp_path / "same" / "model.safetensors") == sha(tiny / "model.safetensors")
    assert sha(tmp_path / "other" / "model.safetensors") != sha(tiny / "model.safetensors")
    assert json.loads((tiny / "config.json").read_text())["head_dim"] == 32


@pytest.fixture
def base(layout: Layout, tiny: Path) -> BaseRecord:
    """The tiny base in a workspace whose round waives its gate."""
    open_round(layout, gate_1_base_half="a demo")
    dataset(layout, "sft", [sft_row(number) for number in range(ROWS)])
    return import_base(layout, tiny, role="tiny", name="tiny")


def test_an_adapter_is_trained_through_dagster(layout: Layout, base: BaseRecord) -> None:
    defs = build_defs(workspace=Workspace(home=str(layout.root)))
    config = {"base": base.base_id, "most_steps": 2}
    result = defs.resolve_job_def("adapter_job").execute_in_process(
        partition_key="scope|r01", run_config={"ops": {"adapter": {"config": config}}}
    )

    assert result.success
    (made,) = result.asset_materializations_for_node("adapter")
    assert "data:image/png;base64" in str(made.metadata["plot"].value)
    assert "gate_1_base_half waived: a demo" in str(made.metadata["preview"].value)
    assert [item.passed for item in result.get_asset_check_evaluations()] == [True]
    _second_run_is_the_same(layout, base)
    _a_changed_file_fails_the_check(layout)


def _second_run_is_the_same(layout: Layout, base: BaseRecord) -> None:
    folder = layout.partition("adapter", "scope|r01")
    before = {path.name: (path.read_bytes(), path.stat().st_mtime_ns) for path in folder.iterdir()}
    told: list[str] = []
    choices = Choices(base=base.base_id, most_steps=2, seed=0)
    train_adapter(
        layout, "scope|r01", PeftTrainer(), choices, progress=lambda *said: told.append(said[2])
    )
    after = {path.name: path.read_bytes() for path in folder.iterdir()}

    assert after == {name: content for name, (content, _) in before.items()}
    assert (folder / WEIGHTS).stat().st_mtime_ns == before[WEIGHTS][1]
    assert told == []


def _a_changed_file_fails_the_check(layout: Layout) -> None:
    path = layout.partition("adapter", "scope|r01") / "adapter_config.json"
    path.write_text(path.read_text() + "\n")
    report = check_adapter(layout, "scope|r01")

    assert not report.passed
    assert "they were changed since" in report.findings[0]


def test_an_unfinished_adapter_of_a_stopped_run_is_finished(
    layout: Layout, base: BaseRecord
) -> None:
    def stop(done: int, total: int, what: str) -> None:
        if done == total:
            raise KeyboardInterrupt(what)

    choices = replace(CHOICES, base=base.base_id)
    with pytest.raises(KeyboardInterrupt, match=r"scope r01: sft step 2 of 2, loss .* tokens/s"):
        train_adapter(layout, "scope|r01", PeftTrainer(), choices, progress=stop)
    assert not layout.manifest("adapter", "scope|r01").exists()
    train_adapter(layout, "scope|r01", PeftTrainer(), choices)

    assert check_adapter(layout, "scope|r01").passed
    assert not (layout.partition("adapter", "scope|r01") / "run").exists()


@pytest.mark.real
@pytest.mark.parametrize("cuts", [[("sft", 2)], [("sft", 4), ("sft", 6), ("dpo", 5)]])
def test_a_run_killed_again_and_again_ends_in_the_same_bytes(
    whole: tuple[Path, AdapterManifest, Seen],
    tiny: Path,
    tmp_path: Path,
    cuts: list[tuple[str, int]],
) -> None:
    """Not in ``make test``: each run is a process that imports the training libraries anew."""
    for cut in cuts:
        assert _child(tiny, tmp_path, cut) == -signal.SIGKILL
    assert _child(tiny, tmp_path, None) == 0

    for name in (WEIGHTS, "curve.jsonl", "adapter_config.json"):
        assert sha(tmp_path / name) == sha(whole[0] / name)
    assert json.loads((tmp_path / "pace.json").read_text())["resumed"] == len(cuts)


CHILD = """
import os, signal, sys
from pathlib import Path
from cra_pipeline.integrations.training.peft import PeftTrainer
from cra_pipeline_tests.adapters.test_training import BOTH, job

def told(event, steps):
    if [event.phase, str(event.step)] == sys.argv[3:5]:
        os.kill(os.getpid(), signal.SIGKILL)

PeftTrainer().train(job(Path(sys.argv[1]), Path(sys.argv[2]), BOTH), told)
"""


def _child(tiny: Path, folder: Path, cut: tuple[str, int] | None) -> int:
    where = [str(part) for part in cut or ()]
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    return subprocess.run(
        [sys.executable, "-c", CHILD, str(tiny), str(folder), *where],
        env=environment,
        cwd=Path(__file__).parents[2],
        check=False,
    ).returncode


def test_a_base_that_was_changed_is_refused_before_anything_is_trained(
    layout: Layout, base: BaseRecord
) -> None:
    config = layout.bases / base.base_id / "model" / "config.json"
    config.write_text(config.read_text() + " ")

    with pytest.raises(GuardError, match=r"config.json differ"):
        train_adapter(layout, "scope|r01", PeftTrainer(), replace(CHOICES, base=base.base_id))
