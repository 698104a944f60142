"""Own commits that nobody attempted, from git into checked datasets, and what tampering shows."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from cra_pipeline.contracts.datasets import CandidateRow
from cra_pipeline.contracts.manifests import AssetManifest
from cra_pipeline.datasets.mining import STYLE
from cra_pipeline.datasets.stage.curate import curate
from cra_pipeline.datasets.stage.dataset_files import Cell, read_rows
from cra_pipeline.datasets.stage.increments import add_round, check_increment
from cra_pipeline.datasets.stage.judge import check_dataset
from cra_pipeline.datasets.stage.tracing import trace
from cra_pipeline.datasets.stage.turn import prepare_round
from cra_pipeline.integrations.evidence import seal_table
from cra_pipeline.integrations.files import read_record, read_table
from cra_pipeline.integrations.git.fast_import import build_repository
from cra_pipeline.integrations.git.run import git
from cra_pipeline_tests.datasets.stage.test_curate import tampered
from cra_pipeline_tests.datasets.test_mining import AFTER, BEFORE
from cra_pipeline_tests.datasets.worlds import (
    COMMITS,
    World,
    code,
    hour,
    register,
    statement,
    work,
)

pytestmark = pytest.mark.slow

SFT, DPO = Cell("sft", "execute_code", "r01"), Cell("dpo", "execute_code", "r01")


def hardened(world: World, number: int) -> World:
    """The world with a repository of which one commit hardens a function."""
    target = world.layout.snapshot("elm")
    build_repository(target, b"".join(_stream(number)))
    world.shas["elm"] = git(target, "rev-list", "--reverse", "main").decode().split()
    register(world, "elm", "database")
    for name, hours in (("r01", 2), ("r02", 4)):
        (world.layout.rounds / f"{name}.json").unlink()
        world.open(name, upto=5, hours=hours)
    # Two attempts and no more, or the cap on domains would leave no room for a third row.
    work(world, "elm", "r01", range(2))
    work(world, "elm", "r02", range(3, 5))
    return world


def _stream(number: int) -> Iterator[bytes]:
    for at in range(COMMITS):
        text = f"{AFTER if at >= number else BEFORE}".encode()
        other, message = code("elm", at).encode(), statement("elm", at).encode()
        yield b"commit refs/heads/main\ncommitter A <a@x.example> %d +0000\n" % hour(at)
        yield b"data %d\n%s\n" % (len(message), message)
        yield b"M 100644 inline elm.py\ndata %d\n%s\n" % (len(text), text)
        yield b"M 100644 inline notes.py\ndata %d\n%s\n" % (len(other), other)
    yield b"done\n"


def mined_in(world: World, name: str) -> list[CandidateRow]:
    rows = read_table(world.layout.table("round_increment", name), CandidateRow)
    return sorted((row for row in rows if not row.origin.attempt_ids), key=lambda row: row.form)


def test_a_hardening_commit_becomes_an_example_and_a_pair(world: World) -> None:
    hardened(world, 1)
    prepare_round(world.layout, "r01")
    pair, style = mined_in(world, "r01")

    assert (style.label, pair.label) == (STYLE, "pre_commit")
    assert {row.origin.sha for row in (pair, style)} == {world.shas["elm"][1]}
    for cell, row in ((SFT, style), (DPO, pair)):
        curate(world.layout, cell)
        assert check_dataset(world.layout, cell).findings == ()
        assert row.example_id in {item.example_id for item in read_rows(world.layout, cell)}
        steps = trace(world.layout, row.example_id)
        assert [step.step for step in steps] == ["row", "candidate", "commit", "repository"]
        assert all(step.found for step in steps)


def test_a_commit_of_a_later_round_or_after_the_cut_off_is_not_mined(world: World) -> None:
    hardened(world, 3)
    for name in ("r01", "r02"):
        add_round(world.layout, name)
        assert check_increment(world.layout, name).findings == ()
    assert mined_in(world, "r01") == []
    assert len(mined_in(world, "r02")) == 2

    hardened(world, 5)
    for name in ("r01", "r02"):
        add_round(world.layout, name)
        assert mined_in(world, name) == []


def test_rows_that_no_commit_of_the_right_side_gives_are_found(world: World) -> None:
    hardened(world, 1)
    prepare_round(world.layout, "r01")
    curate(world.layout, DPO)
    found = tampered(world.layout, DPO, lambda rows: spoil(world, rows))
    told = "\n".join(found)

    # By its change and by its id: the holdout names both.
    assert f"held_out_change: elm {world.shas['elm'][4][:12]}" in told
    assert f"held_out_commit: elm {world.shas['elm'][4][:12]}" in told
    assert told.count("names no attempt, and is no row that commit") == 2


def spoil(world: World, rows: list[dict[str, Any]]) -> None:
    mined = [row for row in rows if not row["origin"]["attempt_ids"]]
    later = {**mined[0], "origin": {**mined[0]["origin"], "sha": world.shas["elm"][4]}}
    # One changed character, and a logged pair that says nobody attempted it.
    mined[0]["chosen"][0]["content"] += " "
    logged = next(row for row in rows if row["origin"]["attempt_ids"])
    logged["origin"]["attempt_ids"] = []
    rows.append(later)


def test_a_mined_row_from_beyond_the_line_fails_the_increments_check(world: World) -> None:
    hardened(world, 1)
    add_round(world.layout, "r01")
    rows = read_table(world.layout.table("round_increment", "r01"), CandidateRow)
    manifest = read_record(world.layout.manifest("round_increment", "r01"), AssetManifest)
    moved = [
        row
        if row.origin.attempt_ids
        else row.model_copy(
            update={"origin": row.origin.model_copy(update={"sha": world.shas["oak"][1]})}
        )
        for row in rows
    ]
    seal_table(
        world.layout, "round_increment", "r01", moved, CandidateRow,
        reasons=[], inputs=manifest.inputs, policy=manifest.policy,
    )  # fmt: skip
    found = check_increment(world.layout, "r01").findings

    assert len(found) == 2
    assert all("held_out_commit: elm" in item for item in found)
