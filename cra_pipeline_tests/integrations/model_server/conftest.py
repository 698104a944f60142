"""A tiny base, two adapters on it and the model that serves them, once for all files here."""

from __future__ import annotations

from pathlib import Path

import pytest

from cra_pipeline.integrations.model_server.model import LoadedModel
from cra_pipeline_tests.integrations.model_server.models import WINDOW, random_adapter, tiny_base


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
