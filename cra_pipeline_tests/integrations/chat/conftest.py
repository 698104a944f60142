"""A row to hold against a format."""

from __future__ import annotations

from pathlib import Path

import pytest

from cra_pipeline.contracts.datasets import CandidateRow
from cra_pipeline.integrations.chat.tiny import train_tiny
from cra_pipeline_tests.contracts.regenerate import example
from cra_pipeline_tests.integrations.chat.conversations import LEARNED


@pytest.fixture
def row() -> CandidateRow:
    found = example(CandidateRow)
    assert isinstance(found, CandidateRow)
    return found.model_copy(update={"form": "sft", "answers": ("yes",)})


@pytest.fixture
def tiny(tmp_path: Path) -> Path:
    train_tiny(LEARNED, tmp_path / "tiny")
    return tmp_path / "tiny"
