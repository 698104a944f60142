"""Published models are frozen from the shell; what is asked of the command is told."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from cra_pipeline.cli import main
from cra_pipeline.contracts.bases import ON_TRIAL
from cra_pipeline.contracts.workspace import Layout
from cra_pipeline.integrations.bases import import_base, list_bases
from cra_pipeline_tests.adapters.worlds import bare_model


def command(*arguments: str) -> Result:
    return CliRunner().invoke(main, ["base", *arguments])


def test_a_published_model_is_frozen_and_listed(layout: Layout, tmp_path: Path) -> None:
    folder = str(bare_model(tmp_path / "upstream"))
    done = command("import", folder, "--role", "coding", "--name", "Qwen/Qwen2.5-Coder-3B")

    assert done.exit_code == 0, done.output
    assert done.output.startswith("coding-4k-base-v1: Qwen/Qwen2.5-Coder-3B, 8 parameters")
    (record,) = list_bases(layout)
    assert (record.role, record.replaces, record.gate_1) == ("coding", "", "")
    assert record.base_id in command("list").output


def test_a_base_on_trial_is_listed_as_one(layout: Layout, tmp_path: Path) -> None:
    import_base(layout, bare_model(tmp_path / "a"), role="coding", name=f"own{ON_TRIAL}")

    assert command("list").output.splitlines()[-1].rstrip().endswith("on trial")


@pytest.mark.usefixtures("layout")
def test_without_a_base_the_list_says_how_one_comes_in() -> None:
    assert "base import FOLDER --role" in command("list").output


@pytest.mark.usefixtures("layout")
@pytest.mark.parametrize(
    "told",
    [(), ("--name", "a", "--replaces", "b"), ("--replaces", "b"), ("--name", "a", "--trial")],
)
def test_neither_published_nor_sent_out_is_wrong_use(told: tuple[str, ...], tmp_path: Path) -> None:
    done = command("import", str(tmp_path), "--role", "tiny", *told)

    assert done.exit_code == 2
    assert "--name for a published model" in done.output
