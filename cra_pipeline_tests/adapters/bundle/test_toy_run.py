"""The way there and back: exported, tuned by the bundle's own script, taken back, registered."""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import tarfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from safetensors.numpy import load_file, save_file

from cra_pipeline.adapters.stage.bundle import archive_path, check_bundle, export
from cra_pipeline.adapters.stage.returned import Returned, looked_at, on_trial, take_over
from cra_pipeline.cli import main
from cra_pipeline.contracts.gates import Decision, GateReport
from cra_pipeline.contracts.rounds import RoundRecord
from cra_pipeline.contracts.workspace import Layout
from cra_pipeline.definitions.base_bundle import sides_of
from cra_pipeline.errors import GuardError, PipelineError, RoundError
from cra_pipeline.integrations.bases import (
    import_base,
    list_bases,
    read_base,
    standing,
    verify_base,
)
from cra_pipeline.integrations.files import read_record, write_record
from cra_pipeline.integrations.training.tiny_base import TinyShape, make_tiny_base
from cra_pipeline.registry.stage.settling import settled
from cra_pipeline_tests.adapters.bundle.worlds import REPOS, bundle_world, code, with_base
from cra_pipeline_tests.adapters.worlds import sample
from cra_pipeline_tests.datasets import worlds
from cra_pipeline_tests.registry.worlds import World as Served

pytestmark = [pytest.mark.slow, pytest.mark.real]
"""Real: the bundle's own program is run twice, and every import loads a model."""
OLD = "tiny-16k-base-v1"


def ran(*arguments: str | Path, **environment: str) -> subprocess.CompletedProcess[str]:
    """A script of the bundle, in a process of its own that knows nothing of this project."""
    own = {"PATH": os.environ["PATH"], "OMP_NUM_THREADS": "1", "PYTHONDONTWRITEBYTECODE": "1"}
    return subprocess.run(
        [sys.executable, *map(str, arguments)], env=own | environment, check=False,
        capture_output=True, text=True, cwd="/",
    )  # fmt: skip


@pytest.fixture(scope="module")
def sent(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A workspace ``home``, its unpacked bundle, and what came back under ``out``; only read it."""
    root = tmp_path_factory.mktemp("toy")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(worlds, "code", code)
        world = bundle_world(root / "home")
    # Small, so that each of the many steps takes milliseconds.
    make_tiny_base([code(repo, 5) for repo in REPOS], root / "base", TinyShape(vocabulary=400))
    with_base(world.layout, root / "base")
    export(world.layout, "r02", sides_of(world.layout, "r02"))
    assert check_bundle(world.layout, "r02", sides_of(world.layout, "r02")).passed
    with tarfile.open(archive_path(world.layout, "r02")) as archive:
        archive.extractall(root, filter="data")
    bundle = root / "base-bundle-r02"
    checked = ran(bundle / "check.py", "--base", root / "base", "--any-machine")
    assert checked.returncode == 0, checked.stderr
    assert "forward passes of 2 rows" in checked.stdout
    done = ran(bundle / "train.py", "--base", root / "base", "--out", root / "out")
    assert done.returncode == 0, done.stderr
    return root


@pytest.fixture
def root(sent: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy to change, which the commands work on."""
    for name in ("home", "out", "base-bundle-r02"):
        shutil.copytree(sent / name, tmp_path / name)
    monkeypatch.setenv("CRA_PIPELINE_HOME", str(tmp_path / "home"))
    return tmp_path


@pytest.fixture
def layout(root: Path) -> Layout:
    return Layout(root / "home")


def taken(root: Path) -> Returned:
    return looked_at(Layout(root / "home"), root / "out", replaces=OLD, role="tiny")


def verdict(decision: Decision) -> Callable[[str, str], GateReport]:
    def gate(untuned: str, tuned: str) -> GateReport:
        told = {"decision": decision, "base_digest": untuned, "adapter_digest": tuned}
        return sample(GateReport).model_copy(update=told)

    return gate


def waive(layout: Layout) -> None:
    path = layout.rounds / "r02.json"
    record = read_record(path, RoundRecord)
    write_record(path, record.model_copy(update={"waivers": (("gate_1_base_half", "a toy"),)}))


def came_back(root: Path, *more: str) -> Result:
    told = ("--replaces", OLD, "--role", "tiny", "--round", "r02", *more)
    return CliRunner().invoke(main, ["base", "import", str(root / "out"), *told])


def test_a_tuned_base_takes_the_old_ones_place_and_its_adapters_are_void(
    root: Path, layout: Layout
) -> None:
    waive(layout)
    old = read_base(layout, OLD)
    Served(layout=layout, base=old.content_id).serve()
    losses = json.loads((root / "out" / "result.json").read_text())["losses"]

    done = came_back(root)

    assert done.exit_code == 0, done.output
    assert "gate_1_base_half waived in r02: a toy" in done.output
    assert "void: scope-v1" in done.output
    (new,) = standing(list_bases(layout))
    assert (new.base_id, new.replaces, new.gate_1) == ("tiny-16k-base-v2", OLD, "")
    assert verify_base(layout, new.base_id).chat == old.chat
    assert losses[-1] < losses[0]
    with settled(layout) as book:
        assert book.standing.is_void(old.content_id)
        assert not book.standing.is_void(new.content_id)
        assert [row.state for row in book.standing.of_kind("scope")] == ["void"]
        assert book.standing.active.get("scope", "") == ""
    listed = CliRunner().invoke(main, ["base", "list"]).output
    assert f"no: {new.base_id}" in listed
    assert came_back(root).exit_code == 0
    assert len(list_bases(layout)) == 2


def test_a_base_that_passed_its_half_of_gate_1_has_the_report_beside_it(
    root: Path, layout: Layout
) -> None:
    found = taken(root)
    trial = on_trial(layout, found)
    record, said = take_over(layout, found, "r02", verdict("passed"))
    report = read_record(layout.bases / record.base_id / "gate_1.json", GateReport)

    assert trial.replaces == ""
    # The attempts of the trial name this id, and these bytes.
    assert (record.base_id, record.content_id) == (trial.base_id, trial.content_id)
    assert record.gate_1 == report.digest()
    assert report.adapter_digest == record.content_id
    assert "passed" in said
    assert verify_base(layout, record.base_id) == record
    assert take_over(layout, found, "r02", verdict("passed"))[0] == record


@pytest.mark.parametrize("decision", ["failed", "not_enough_evidence"])
def test_a_base_that_did_not_pass_leaves_the_old_one(
    root: Path, layout: Layout, decision: Decision
) -> None:
    found = taken(root)

    with pytest.raises(GuardError, match="Gate 1's base half"):
        take_over(layout, found, "r02", verdict(decision))
    with pytest.raises(RoundError, match="not opened"):
        take_over(layout, found, "r09", verdict("passed"))
    assert [record.base_id for record in list_bases(layout)] == [OLD]


def test_the_shell_exports_through_dagster_what_the_stage_does(root: Path, layout: Layout) -> None:
    path = archive_path(layout, "r02")
    before = path.read_bytes()
    path.unlink()
    # A process of its own: Dagster learns of rounds when its definitions are loaded.
    done = subprocess.run(
        [sys.executable, "-c", "from cra_pipeline.cli import main; main()", "base", "export", "r02",
         "--to", str(root)], check=False, capture_output=True, text=True,
    )  # fmt: skip

    assert done.returncode == 0, done.stderr
    assert path.read_bytes() == (root / path.name).read_bytes() == before
    assert f"{root / path.name}: send it out" in done.stdout


def test_an_untuned_base_or_one_that_replaces_nothing_is_not_taken_for_a_tuned_one(
    root: Path, layout: Layout
) -> None:
    import_base(layout, root / "out" / "model", role="tiny", name="tiny")

    with pytest.raises(GuardError, match=r"files of tiny-.*, which does not replace"):
        taken(root)


def test_without_attempts_or_waiver_the_import_is_refused(root: Path, layout: Layout) -> None:
    done = came_back(root)

    assert done.exit_code == 1
    assert "holdout_attempts of gate_1_base_half|r02 is not ready" in done.output
    assert [record.base_id for record in list_bases(layout)] == [OLD]


def change_json(name: str, **fields: Any) -> Callable[[Path], None]:  # noqa: ANN401  # JSON values
    def change(out: Path) -> None:
        path = out / name
        path.write_text(json.dumps(json.loads(path.read_text()) | fields))

    return change


def again(out: Path) -> None:
    """Let the result name what lies there now."""
    from cra_pipeline.adapters.bundle.program.train import file_hashes

    change_json("result.json", files=file_hashes(out / "model"))(out)


def weights(change: Callable[[dict[str, Any]], None]) -> Callable[[Path], None]:
    def changed(out: Path) -> None:
        path = out / "model" / "model.safetensors"
        tensors = load_file(path)
        change(tensors)
        save_file(tensors, path, metadata={"format": "pt"})
        again(out)

    return changed


def config(out: Path) -> None:
    change_json("model/config.json", rope_theta=5.0)(out)
    again(out)


def template(out: Path) -> None:
    with (out / "model" / "chat_template.jinja").open("a") as file:
        file.write(" ")
    again(out)


def added(out: Path) -> None:
    (out / "model" / "more.json").write_text("{}")


def not_finite(tensors: dict[str, Any]) -> None:
    tensors["model.norm.weight"][0] = float("nan")


def less(tensors: dict[str, Any]) -> None:
    del tensors["model.norm.weight"]


def other_shape(tensors: dict[str, Any]) -> None:
    tensors["model.norm.weight"] = tensors["model.norm.weight"][:8].copy()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (added, "more.json: not the files that the result names"),
        (change_json("result.json", bundle="0" * 64), "bundle is 000000000000"),
        (change_json("result.json", recipe="0" * 64), "recipe is 000000000000"),
        (change_json("result.json", base_digest="0" * 64), "base of the result is"),
        (change_json("result.json", rows=1), "1 rows were trained"),
        (change_json("result.json", steps=1, planned_steps=9), "cut short: 1 of 9 steps"),
        (change_json("result.json", extra=1), "BundleResult.extra"),
        (change_json("result.json", round="r01"), "base_bundle of r01 is not ready"),
        (config, "rope_theta is 5.0"),
        (template, "chat_template.jinja: differs from the base's"),
        (weights(not_finite), "model.norm.weight holds numbers that are none"),
        (weights(less), "tensor model.norm.weight is missing"),
        (weights(other_shape), r"model.norm.weight is \[8\], expected \[64\]"),
    ],
)
def test_what_is_not_what_was_sent_for_is_refused(
    root: Path, layout: Layout, change: Callable[[Path], None], message: str
) -> None:
    change(root / "out")

    with pytest.raises(PipelineError, match=message):
        taken(root)
    assert [record.base_id for record in list_bases(layout)] == [OLD]


def test_a_base_keeps_its_role(root: Path, layout: Layout) -> None:
    with pytest.raises(GuardError, match="a base keeps its role"):
        looked_at(layout, root / "out", replaces=OLD, role="coding")


@pytest.mark.parametrize("script", ["check.py", "train.py"])
def test_a_bundle_or_base_that_was_changed_is_refused_by_its_own_scripts(
    root: Path, sent: Path, script: str
) -> None:
    bundle = root / "base-bundle-r02"
    with (bundle / "data" / "planning.jsonl").open("a") as file:
        file.write("\n")
    out = ("--out", root / "new") if script == "train.py" else ()
    done = ran(bundle / script, "--base", sent / "base", *out)
    other = ran(sent / "base-bundle-r02" / script, "--base", root / "out" / "model", *out)

    assert (done.returncode, other.returncode) == (1, 1)
    assert "data/planning.jsonl: other bytes than the manifest's" in done.stderr
    assert "base: model.safetensors: other bytes" in other.stderr
    assert not (root / "new").exists()


def test_a_loss_that_is_no_number_ends_the_training_at_its_step(root: Path, sent: Path) -> None:
    bundle = root / "base-bundle-r02"
    recipe = bundle / "recipe.json"
    recipe.write_text(json.dumps(json.loads(recipe.read_text()) | {"learning_rate": 1e30}))
    named = json.loads((bundle / "manifest.json").read_text())
    digest = hashlib.sha256(recipe.read_bytes()).hexdigest()
    files = [item | ({"content_id": digest} if item["name"] == recipe.name else {})
             for item in named["files"]]  # fmt: skip
    (bundle / "manifest.json").write_text(json.dumps(named | {"files": files}))

    done = ran(bundle / "train.py", "--base", sent / "base", "--out", root / "new")

    assert done.returncode == 1
    assert re.search(r"refused: step [1-9]: the loss is nan: nothing is saved", done.stderr)
    assert not (root / "new" / "result.json").exists()
    assert not (root / "new" / "model").exists()


def test_the_training_script_refuses_zero_3(root: Path, sent: Path) -> None:
    done = ran(
        sent / "base-bundle-r02" / "train.py", "--base", sent / "base", "--out", root / "new",
        ACCELERATE_DEEPSPEED_ZERO_STAGE="3",
    )  # fmt: skip

    assert done.returncode == 1
    assert "ZeRO-3" in done.stderr
