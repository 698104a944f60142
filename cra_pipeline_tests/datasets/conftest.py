"""One small workspace, made once and copied for each test that changes it."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from cra_pipeline.contracts.workspace import Layout
from cra_pipeline.datasets.stage.curate import curate
from cra_pipeline.datasets.stage.dataset_files import Cell
from cra_pipeline.datasets.stage.judge import check_dataset
from cra_pipeline.datasets.stage.turn import prepare_round
from cra_pipeline_tests.datasets.worlds import World, small_world

SCOPE = Cell("sft", "scope", "r02")
CODE = Cell("dpo", "execute_code", "r01")


@pytest.fixture(scope="session")
def made(tmp_path_factory: pytest.TempPathFactory) -> World:
    """Two rounds with their increments, pools, holdouts and two checked datasets; only read it."""
    world = small_world(tmp_path_factory.mktemp("world") / "home")
    for name in ("r01", "r02"):
        prepare_round(world.layout, name)
    for cell in (SCOPE, CODE):
        curate(world.layout, cell)
        assert check_dataset(world.layout, cell).passed
    return world


@pytest.fixture
def world(made: World, tmp_path: Path) -> World:
    """A copy to change."""
    shutil.copytree(made.layout.root, tmp_path / "home")
    return World(Layout(tmp_path / "home"), {name: [*ids] for name, ids in made.shas.items()})
