"""What is wrong with one dropped folder is said of it alone; its neighbours are taken in."""

from __future__ import annotations

import json
import os
import shutil
import socket
from collections.abc import Callable
from pathlib import Path

import dagster as dg
import pytest

from cra_pipeline.contracts.workspace import Layout
from cra_pipeline.definitions.automation import dropped_packages
from cra_pipeline.definitions.resources import Workspace
from cra_pipeline.errors import PackageError
from cra_pipeline.packages.stage import ingest_package, pending_drops

Spoil = Callable[[Path], None]


def link_to_a_manifest(path: Path) -> None:
    path.symlink_to(path.parent.parent / "good" / "manifest.json")


def link_to_nowhere(path: Path) -> None:
    path.symlink_to("nowhere")


def link_to_itself(path: Path) -> None:
    path.symlink_to(path)


def nested(path: Path) -> None:
    path.write_text("[" * 100_000)


def folder(path: Path) -> None:
    path.mkdir()


def pipe(path: Path) -> None:
    os.mkfifo(path)


def listening(path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as end, pytest.MonkeyPatch.context() as patch:
        patch.chdir(path.parent)  # An address of a socket is short.
        end.bind(path.name)


def too_long_a_key(path: Path) -> None:
    path.write_text(json.dumps({"repo": "a" * 5000}))


def linked_drop(path: Path) -> None:
    path.parent.rmdir()
    path.parent.symlink_to(path.parent.with_name("good"))


def unreadable(path: Path) -> None:
    if os.geteuid() == 0:
        pytest.skip("root reads everything")
    path.write_text("{}")
    path.chmod(0)


def closed_folder(path: Path) -> None:
    if os.geteuid() == 0:
        pytest.skip("root reads everything")
    path.parent.chmod(0)


@pytest.fixture(
    params=[
        link_to_a_manifest,
        link_to_nowhere,
        link_to_itself,
        nested,
        folder,
        pipe,
        listening,
        too_long_a_key,
        linked_drop,
        unreadable,
        closed_folder,
    ]
)
def drops(request: pytest.FixtureRequest, model: Layout, tmp_path: Path) -> Layout:
    """A workspace with a good drop between a bad one and what is no drop at all."""
    spoil: Spoil = request.param
    layout = Layout(tmp_path / "there")
    shutil.copytree(model.package("till"), layout.drops / "good")
    (layout.drops / "empty").mkdir()
    (layout.drops / "a file.txt").touch()
    (layout.drops / "bad").mkdir()
    spoil(layout.drops / "bad" / "manifest.json")
    return layout


def tick(home: Path, cursor: str | None = None) -> dg.SensorResult | dg.SkipReason:
    """One evaluation, as the daemon would make it."""
    resources = {"workspace": Workspace(home=str(home))}
    with (
        dg.DagsterInstance.ephemeral() as instance,
        dg.build_sensor_context(instance=instance, cursor=cursor, resources=resources) as context,
    ):
        result = dropped_packages(context)
    assert isinstance(result, dg.SensorResult | dg.SkipReason)
    return result


def test_a_bad_drop_is_named_beside_the_good_one_and_refused(drops: Layout) -> None:
    found = pending_drops(drops)

    assert [name for name, _ in found] == ["bad", "good"]
    assert pending_drops(drops) == found
    assert ingest_package(drops, drops.drops / "good") == "till"
    with pytest.raises(PackageError, match="bad"):
        ingest_package(drops, drops.drops / "bad")


def test_the_sensor_takes_the_good_drop_in_and_remembers_the_bad_one(drops: Layout) -> None:
    result = tick(drops.root)

    assert isinstance(result, dg.SensorResult)
    assert [request.partition_key for request in result.run_requests or ()] == ["till"]
    assert set(json.loads(result.cursor or "")) == {"bad", "good"}
    assert isinstance(tick(drops.root, result.cursor), dg.SkipReason)
