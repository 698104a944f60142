"""The recipe, what starts it, and archives of equal bytes."""

from __future__ import annotations

import os
import subprocess
import tomllib
from pathlib import Path

import pytest

from cra_pipeline.adapters.bundle.packing import packed, unpacked
from cra_pipeline.adapters.bundle.parts import BundlePolicy
from cra_pipeline.adapters.bundle.program.rows import BundleError
from cra_pipeline.adapters.bundle.program.train import require_zero
from cra_pipeline.adapters.bundle.tuning import (
    LAUNCH,
    REQUIREMENTS,
    TuningPolicy,
    accelerate_config,
    bundle_recipe,
)
from cra_pipeline.contracts.bundles import BundleRecipe
from cra_pipeline_tests.adapters.worlds import base_record

PROJECT = Path(__file__).parents[3] / "pyproject.toml"


def recipe(**fields: int) -> BundleRecipe:
    tuning = TuningPolicy(**fields)  # type: ignore[arg-type]  # numbers of a test
    return bundle_recipe("r01", base_record(window=40960), BundlePolicy(), tuning)


def test_windows_are_those_of_the_strategy() -> None:
    found = recipe()

    assert found.window == 32768
    assert found.windows == (("task_analysis", 8192),)
    assert (found.devices, found.zero_stage) == (4, 2)


def test_a_recipe_of_zero_3_is_refused() -> None:
    with pytest.raises(ValueError, match="ZeRO-3"):
        recipe(zero_stage=3)


def test_the_launcher_is_told_zero_2_on_four_devices() -> None:
    lines = [line.strip() for line in accelerate_config(recipe()).splitlines()]

    assert "zero_stage: 2" in lines
    assert "num_processes: 4" in lines
    assert 'mixed_precision: "bf16"' in lines


@pytest.mark.parametrize("stage", ["3", "03"])
def test_the_program_refuses_zero_3(stage: str) -> None:
    with pytest.raises(BundleError, match="zero_stage: 2"):
        require_zero(stage)
    require_zero("2")
    require_zero("")


@pytest.mark.parametrize(
    ("config", "variable", "status"),
    [("zero_stage: 2", "", 0), ("zero_stage: 3", "", 2), ("zero_stage: 2", "3", 2), ("", "", 2)],
)
def test_the_launch_script_refuses_any_stage_but_2(
    tmp_path: Path, config: str, variable: str, status: int
) -> None:
    (tmp_path / "launch.sh").write_text(LAUNCH)
    (tmp_path / "accelerate.yaml").write_text(f"deepspeed_config:\n  {config}\n")
    for name in ("python", "accelerate"):
        (tmp_path / name).write_text("#!/bin/sh\nexit 0\n")
        (tmp_path / name).chmod(0o755)
    environment = {"PATH": f"{tmp_path}:{os.environ['PATH']}"}
    if variable:
        environment["ACCELERATE_DEEPSPEED_ZERO_STAGE"] = variable
    done = subprocess.run(
        ["sh", tmp_path / "launch.sh", "base", "out"], env=environment, check=False,
        capture_output=True,
    )  # fmt: skip

    assert done.returncode == status, done.stderr
    assert (b"refused" in done.stderr) is (status == 2)


def test_pins_are_the_versions_that_the_project_is_tested_with() -> None:
    listed = tomllib.loads(PROJECT.read_text("utf-8"))["project"]["dependencies"]

    assert {pin for pin in REQUIREMENTS if not pin.startswith("deepspeed")} <= {*listed}
    assert all("==" in pin for pin in REQUIREMENTS)


def test_equal_files_give_equal_bytes_in_any_order() -> None:
    files = {"b/é.txt": b"b", "a.sh": b"a"}
    first, second = packed("x", files), packed("x", dict(reversed(files.items())))

    assert first == second
    assert unpacked(first) == files


def test_what_is_no_archive_is_told() -> None:
    with pytest.raises(ValueError, match="no archive of a bundle"):
        unpacked(b"x" * 2000)
