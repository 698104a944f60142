"""A partition is done when its manifest stands, and can be built upon when its check passed."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from cra_pipeline.contracts.manifests import AssetManifest, Count, Input
from cra_pipeline.contracts.workspace import Layout
from cra_pipeline.errors import CheckError
from cra_pipeline.integrations.evidence import (
    command_of,
    require_checked,
    seal_table,
    write_check,
)
from cra_pipeline.integrations.files import read_record, read_table, rows_content_id

ROWS = [Count(label=label, count=1) for label in "abcab"]


def seal(layout: Layout, rows: list[Count], partition: str = "attrs") -> AssetManifest:
    return seal_table(
        layout,
        "tasks",
        partition,
        rows,
        Count,
        reasons=[row.label for row in rows],
        inputs=[Input(name="z", content_id="2"), Input(name="a", content_id="1")],
        policy="{}",
    )


def test_a_manifest_tells_rows_reasons_and_inputs_in_order(tmp_path: Path) -> None:
    layout = Layout(tmp_path)
    manifest = seal(layout, ROWS)

    assert manifest.rows == 5
    assert [(count.label, count.count) for count in manifest.counts] == [
        ("a", 2),
        ("b", 2),
        ("c", 1),
    ]
    assert [item.name for item in manifest.inputs] == ["a", "z"]
    assert manifest.content_id == rows_content_id(read_table(layout.table("tasks", "attrs"), Count))
    assert read_record(layout.manifest("tasks", "attrs"), AssetManifest) == manifest


def test_a_second_sealing_writes_the_same_bytes(tmp_path: Path) -> None:
    one, two = Layout(tmp_path / "one"), Layout(tmp_path / "two")
    for layout in (one, two, two):
        seal(layout, ROWS, "attrs|r01")

    for name in ("tasks.parquet", "asset.json"):
        paths = [layout.root / "tasks" / "attrs" / "r01" / name for layout in (one, two)]

        assert paths[0].read_bytes() == paths[1].read_bytes()


def test_a_passed_check_opens_the_way(tmp_path: Path) -> None:
    layout = Layout(tmp_path)
    manifest = seal(layout, ROWS)
    report = write_check(layout, manifest, ())

    assert report.passed
    assert require_checked(layout, "tasks", "attrs") == Input(
        name="tasks/attrs", content_id=manifest.content_id
    )


def test_without_a_table_or_a_check_the_way_is_shut(tmp_path: Path) -> None:
    layout = Layout(tmp_path)

    with pytest.raises(CheckError, match=r"not ready: .*run: cra-pipeline run tasks --repo attrs"):
        require_checked(layout, "tasks", "attrs")

    seal(layout, ROWS)
    with pytest.raises(CheckError, match="not ready"):
        require_checked(layout, "tasks", "attrs")


def test_a_failed_check_says_what_does_not_hold(tmp_path: Path) -> None:
    layout = Layout(tmp_path)
    write_check(layout, seal(layout, ROWS), ["task 3 has no controls"])

    with pytest.raises(CheckError, match="failed its check: task 3 has no controls"):
        require_checked(layout, "tasks", "attrs")


def test_a_check_of_other_rows_does_not_count(tmp_path: Path) -> None:
    layout = Layout(tmp_path)
    write_check(layout, seal(layout, ROWS), ())
    seal(layout, ROWS[:2])

    with pytest.raises(CheckError, match=r"judged .* but the table is now"):
        require_checked(layout, "tasks", "attrs")


@pytest.mark.parametrize(
    ("asset", "partition", "command"),
    [
        ("cold_start", "", "cra-pipeline run cold_start"),
        ("tasks", "attrs", "cra-pipeline run tasks --repo attrs"),
        ("tasks", "precision", "cra-pipeline run tasks --repo precision"),
        ("round_pool", "r01", "cra-pipeline run round_pool --round r01"),
        ("attempts", "attrs|r01", "cra-pipeline run attempts --repo attrs --round r01"),
        ("attempts", "scope|r02", "cra-pipeline run attempts --repo scope --round r02"),
        ("sft_dataset", "scope|r02", "cra-pipeline run sft_dataset --kind scope --round r02"),
        ("adapter", "scope|r100", "cra-pipeline run adapter --kind scope --round r100"),
    ],
)
def test_the_remedy_is_the_command_that_makes_the_partition(
    asset: str, partition: str, command: str, tmp_path: Path
) -> None:
    assert command_of(asset, partition) == command

    with pytest.raises(CheckError, match=f"{re.escape(command)}$"):
        require_checked(Layout(tmp_path), asset, partition)


def test_what_a_check_could_not_look_at_is_kept_and_refuses_nothing(tmp_path: Path) -> None:
    layout = Layout(tmp_path)
    report = write_check(layout, seal(layout, ROWS), [], notes=["no tokenizer"])

    assert report.notes == ("no tokenizer",)
    assert require_checked(layout, "tasks", "attrs").name == "tasks/attrs"


# Ends the process after the table is renamed and before the manifest is, as a kill might.
KILLED = """
import os, signal, sys
from pathlib import Path
from cra_pipeline.contracts.manifests import Count
from cra_pipeline.contracts.workspace import Layout
from cra_pipeline.integrations import evidence
evidence.write_record = lambda path, record: os.kill(os.getpid(), signal.SIGKILL)
rows = [Count(label="new", count=1)]
evidence.seal_table(Layout(Path(sys.argv[1])), "tasks", "attrs", rows, Count,
                    reasons=["new"], inputs=[], policy="{}")
"""


def test_a_kill_between_table_and_manifest_leaves_the_partition_undone(tmp_path: Path) -> None:
    layout = Layout(tmp_path)
    done = subprocess.run([sys.executable, "-c", KILLED, str(tmp_path)], check=False)

    assert done.returncode == -9
    assert layout.table("tasks", "attrs").exists()
    assert not layout.manifest("tasks", "attrs").exists()
    with pytest.raises(CheckError, match="not ready"):
        require_checked(layout, "tasks", "attrs")


def test_a_kill_while_a_checked_partition_is_replaced_does_not_pass_the_new_rows(
    tmp_path: Path,
) -> None:
    layout = Layout(tmp_path)
    write_check(layout, seal(layout, ROWS), ())
    done = subprocess.run([sys.executable, "-c", KILLED, str(tmp_path)], check=False)

    assert done.returncode == -9
    assert len(read_table(layout.table("tasks", "attrs"), Count)) == 1
    with pytest.raises(CheckError):
        require_checked(layout, "tasks", "attrs")
