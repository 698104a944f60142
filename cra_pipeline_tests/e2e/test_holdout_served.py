"""A round's holdout, asked of a real base and a real adapter behind the pipeline's own server.

Both are tiny and know nothing: what they say is noise, but it is theirs. Marked ``real`` for its
time: it starts three model servers and runs nine attempts.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from cra_pipeline.contracts.adapters import AdapterManifest
from cra_pipeline.contracts.gates import HoldoutAnswer, HoldoutAttempt
from cra_pipeline.contracts.manifests import AssetManifest
from cra_pipeline.contracts.tasks import AttemptRow
from cra_pipeline.contracts.workspace import Layout
from cra_pipeline.errors import GuardError
from cra_pipeline.harness.holdout import HoldoutPolicy
from cra_pipeline.harness.stage.holdout_attempts import Means, answers_path, hold_attempts
from cra_pipeline.harness.stage.holdout_cells import CELLS
from cra_pipeline.harness.stage.holdout_check import check_holdout_attempts
from cra_pipeline.integrations.adapter_files import adapter_digest
from cra_pipeline.integrations.bases import import_base, model_folder
from cra_pipeline.integrations.evidence import write_check
from cra_pipeline.integrations.files import peek_journal, read_table, write_record
from cra_pipeline.integrations.journals import Line
from cra_pipeline.integrations.sandbox.bubblewrap import BubblewrapSandbox
from cra_pipeline_tests.contracts.regenerate import example
from cra_pipeline_tests.harness.holdout_worlds import KEY, REPO, make_world, runner
from cra_pipeline_tests.integrations.model_server.models import random_adapter, tiny_base

pytestmark = [pytest.mark.slow, pytest.mark.real]

SEEDS = HoldoutPolicy(limit=0, temperature=1.0, seeds=(0, 1, 2, 3))
PROGRAM = """
import sys
from pathlib import Path
from cra_pipeline.contracts.workspace import Layout
from cra_pipeline_tests.e2e.test_holdout_served import held
held(Layout(Path(sys.argv[1])))
"""


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory, till: Path) -> Layout:
    root = tmp_path_factory.mktemp("served")
    layout = make_world(root / "home", till)
    base = import_base(layout, tiny_base(root / "model"), role="tiny", name="tiny")
    folder = layout.partition("adapter", KEY)
    random_adapter(model_folder(layout, base.base_id), folder, 1)
    config = json.loads((folder / "adapter_config.json").read_text())
    told = {"base_model_name_or_path": base.base_id, "revision": base.content_id}
    (folder / "adapter_config.json").write_text(json.dumps(config | told))
    (folder / "README.md").unlink(missing_ok=True)
    found = example(AdapterManifest)
    assert isinstance(found, AdapterManifest)
    recipe = found.recipe.model_copy(
        update={
            "base_id": base.base_id, "base_digest": base.content_id, "rank": config["r"],
            "alpha": config["lora_alpha"], "targets": tuple(sorted(config["target_modules"])),
        }
    )  # fmt: skip
    digest, weights = adapter_digest(folder)
    named = {"adapter_kind": "scope", "round": "r01", "recipe": recipe,
             "adapter_digest": digest, "weights_sha256": weights}  # fmt: skip
    write_record(folder / "adapter.json", found.model_copy(update=named))
    manifest = AssetManifest(
        asset="adapter", partition=KEY, rows=1, content_id=digest, inputs=(), counts=(), policy="{}"
    )
    write_record(layout.manifest("adapter", KEY), manifest)
    write_check(layout, manifest, [])
    return layout


def held(layout: Layout, policy: HoldoutPolicy = SEEDS) -> None:
    means = Means(policy=policy, runner=runner(layout), sandbox=BubblewrapSandbox(), workers=1)
    hold_attempts(layout, KEY, means)


def journal(layout: Layout) -> list[str]:
    lines = peek_journal(layout.journal(CELLS, REPO), Line[AttemptRow])
    return [line.key for line in lines]


def servers() -> list[int]:
    """Model servers that run on this machine now."""
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            words = (entry / "cmdline").read_bytes().split(b"\0")
        except OSError:
            continue
        if b"cra_pipeline.integrations.model_server" in words:
            found.append(int(entry.name))
    return found


def test_a_killed_run_loses_no_finished_attempt_and_leaves_no_server(world: Layout) -> None:
    others = set(servers())
    with subprocess.Popen([sys.executable, "-c", PROGRAM, str(world.root)]) as process:
        deadline = time.monotonic() + 400
        while len(journal(world)) < 2 and time.monotonic() < deadline:
            assert process.poll() is None
            time.sleep(0.05)
        process.send_signal(signal.SIGKILL)
    done = journal(world)
    deadline = time.monotonic() + 30
    while set(servers()) - others and time.monotonic() < deadline:
        time.sleep(0.1)

    assert len(done) >= 2
    assert not set(servers()) - others
    held(world)
    assert journal(world)[: len(done)] == done
    assert len(journal(world)) == len(set(journal(world))) == 8


def test_base_and_adapter_answered_for_themselves(world: Layout) -> None:
    attempts = read_table(world.table("holdout_attempts", KEY), HoldoutAttempt)
    answers = read_table(answers_path(world, KEY), HoldoutAnswer)
    said = {
        arm: [row.response for row in answers if row.arm == arm] for arm in ("base", "candidate")
    }

    assert check_holdout_attempts(world, KEY).findings == ()
    assert len(attempts) == 8
    assert all(row.outcome in {"passed", "failed"} for row in attempts), attempts
    assert {row.served_as for row in attempts} == {"float32"}
    assert said["base"]
    assert said["base"] != said["candidate"]


def test_an_adapter_that_was_changed_since_is_never_served(world: Layout) -> None:
    weights = world.partition("adapter", KEY) / "adapter_model.safetensors"
    content = weights.read_bytes()
    weights.write_bytes(content[:-4] + os.urandom(4))
    try:
        with pytest.raises(GuardError):
            held(world, HoldoutPolicy(limit=0, temperature=1.0, seeds=(9,)))
    finally:
        weights.write_bytes(content)
