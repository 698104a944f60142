"""The demo's wheels are served with the times of their upload."""

from __future__ import annotations

import json
import urllib.request
from pathlib import Path

import pytest

from cra_pipeline.cli.offline import offline_index, seed_wheels
from cra_pipeline.contracts.workspace import Layout
from cra_pipeline.errors import PackageError


def test_tiny_wheels_are_written_alike_each_time(layout: Layout) -> None:
    folder = seed_wheels(layout)
    first = {path.name: path.read_bytes() for path in folder.iterdir()}
    seed_wheels(layout)

    assert {path.name: path.read_bytes() for path in folder.iterdir()} == first
    assert {"upload-times.json", "tinyunits-1.0-py3-none-any.whl"} <= set(first)


def test_the_index_dates_the_tiny_wheels(layout: Layout) -> None:
    with offline_index(layout) as index:
        address = f"{index.url}tinyunits/"
        with urllib.request.urlopen(address) as answer:  # noqa: S310  # loopback
            page = json.load(answer)

    assert [file["upload-time"][:4] for file in page["files"]] == ["2018", "2023"]


def test_without_set_up_the_demo_names_the_remedy(
    layout: Layout, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.prefix", str(tmp_path))

    with pytest.raises(PackageError, match="make setup"), offline_index(layout):
        pass
