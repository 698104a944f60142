"""An environment with pytest, made once, and the till's task in a workspace of its own."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from cra_pipeline_tests.integrations.clean_room.arenas import Arena
from cra_pipeline_tests.integrations.clean_room.beds import Bed, make_bed, make_environment


@pytest.fixture(scope="session")
def env_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_environment(tmp_path_factory.mktemp("envs") / "lock")


@pytest.fixture(scope="session")
def shared_bed(tmp_path_factory: pytest.TempPathFactory, env_folder: Path) -> Bed:
    """For tests whose attempts may share a base; each needs an attempt id of its own."""
    return make_bed(tmp_path_factory.mktemp("bed"), env_folder)


@pytest.fixture
def bed(tmp_path: Path, env_folder: Path) -> Bed:
    return make_bed(tmp_path, env_folder)


@pytest.fixture(scope="session")
def arena(shared_bed: Bed) -> Iterator[Arena]:
    with shared_bed.agent() as opened:
        yield Arena(shared_bed, opened)
