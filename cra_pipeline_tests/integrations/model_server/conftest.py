"""A tiny base, two adapters on it and the model that serves them, once for all files here."""

from __future__ import annotations

from pathlib import Path

import pytest

from cra_pipeline.contracts.workspace import Layout
from cra_pipeline.integrations.model_server.model import LoadedModel
from cra_pipeline.integrations.model_server.process import ServedBase
from cra_pipeline_tests.integrations.model_server import models
from cra_pipeline_tests.integrations.model_server.models import WINDOW, random_adapter, tiny_base
from cra_pipeline_tests.integrations.model_server.worlds import World, trained_world


@pytest.fixture(scope="session")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_base(tmp_path_factory.mktemp("models") / "base")


@pytest.fixture(scope="session")
def adapters(base: Path) -> dict[str, Path]:
    return {
        f"scope-v{seed}": random_adapter(base, base.parent / f"adapter{seed}", seed)
        for seed in (1, 2)
    }


@pytest.fixture(scope="session")
def model(base: Path, adapters: dict[str, Path]) -> LoadedModel:
    loaded = LoadedModel(base, "tiny", window=WINDOW, precision="float32")
    for name, folder in adapters.items():
        loaded.load(name, folder)
    return loaded


@pytest.fixture(scope="session")
def random_world(base: Path, adapters: dict[str, Path]) -> World:
    """Of the two random adapters: made in a second."""
    return World(
        layout=Layout(base.parent / "workspace"),
        base=ServedBase(name="tiny", folder=base, window=models.WINDOW),
        adapters=adapters,
        questions=(models.PROMPT,),
    )


@pytest.fixture(scope="session")
def trained(tmp_path_factory: pytest.TempPathFactory) -> World:
    """Of four trained adapters: for tests of real servers."""
    return trained_world(Layout(tmp_path_factory.mktemp("trained")))
