"""Rows lead back to their source, and what is not there any more is told."""

from __future__ import annotations

import json

import pytest
from click.testing import CliRunner, Result

from cra_pipeline.cli import main
from cra_pipeline.contracts.workspace import Layout
from cra_pipeline.datasets.stage.dataset_files import read_rows
from cra_pipeline.datasets.stage.tracing import trace
from cra_pipeline.errors import DatasetError
from cra_pipeline_tests.datasets.conftest import CODE, SCOPE
from cra_pipeline_tests.datasets.worlds import World

pytestmark = pytest.mark.slow


def command(layout: Layout, *arguments: str) -> Result:
    return CliRunner(env={"CRA_PIPELINE_HOME": str(layout.root)}).invoke(main, arguments)


@pytest.mark.parametrize("cell", [SCOPE, CODE], ids=["sft", "dpo"])
def test_a_row_is_traced_to_its_commit_attempts_and_calls(made: World, cell: object) -> None:
    assert cell in {SCOPE, CODE}
    row = next(read_rows(made.layout, SCOPE if cell is SCOPE else CODE))
    steps = trace(made.layout, row.example_id[:12])
    names = [step.step for step in steps]
    lost = [step.step for step in steps if not step.found]

    attempts = ["call", "attempt"] * len(row.origin.attempt_ids)
    evidence = "triple" if row.form == "sft" else "pair"
    assert names == ["row", "candidate", evidence, *attempts, "task", "commit", "repository"]
    assert lost == []
    assert {step.key for step in steps} >= {row.origin.sha, *row.origin.attempt_ids}
    calls = [step for step in steps if step.step == "call"]
    assert all("equal byte for byte" in step.note for step in calls)
    assert all((made.layout.root / step.file.partition(":")[0]).exists() for step in steps[:-2])


def test_a_replayed_row_stands_in_two_datasets(world: World) -> None:
    replayed = next(row for row in read_rows(world.layout, SCOPE) if row.round == "r01")
    folder = SCOPE.folder(world.layout)
    (folder.parent / "r01").mkdir()
    for path in folder.iterdir():
        (folder.parent / "r01" / path.name).write_bytes(path.read_bytes())

    steps = trace(world.layout, replayed.example_id)
    assert [step.step for step in steps][:3] == ["row", "row", "candidate"]
    assert steps[2].file.startswith("round_increment/r01/")


def test_evidence_that_is_gone_or_changed_is_told(world: World) -> None:
    row = next(read_rows(world.layout, SCOPE))
    key = f"{row.origin.repo}|{row.round}"
    for log in (world.layout.partition("attempts", key) / "calls").glob("*/*/calls.jsonl"):
        log.write_text(log.read_text().replace("Task: ", "Tusk: "))
    world.layout.table("triples", key).unlink()

    steps = {step.step: step for step in trace(world.layout, row.example_id)}
    assert not steps["triple"].found
    assert "DIFFERS" in steps["call"].note
    shown = command(world.layout, "show", "datasets", "--trace", row.example_id)
    assert (shown.exit_code, "MISSING" in shown.stdout) == (1, True)


@pytest.mark.parametrize(
    ("row", "words"), [("abc", "at least 7 letters"), ("0" * 64, "no dataset has such a row")]
)
def test_a_row_that_means_nothing_is_refused(made: World, row: str, words: str) -> None:
    with pytest.raises(DatasetError, match=words):
        trace(made.layout, row)


def test_datasets_are_listed_with_their_counts(made: World) -> None:
    shown = command(made.layout, "show", "datasets", "--json")
    (found,) = (
        line for line in map(json.loads, shown.stdout.splitlines()) if line["round"] == "r02"
    )
    readable = command(made.layout, "show", "datasets", "--round", "r02")

    assert (found["file"], found["rows"], found["replayed"], found["marks"]) == (
        "sft_dataset/scope/r02/sft.jsonl",
        56,
        8,
        None,
    )
    assert "sft scope r02" in readable.stdout
    assert "execute_code" not in readable.stdout


@pytest.mark.parametrize(
    "arguments",
    [("show", "tasks", "--trace", "abcdefg"), ("show", "datasets", "--repo", "alder")],
    ids=" ".join,
)
def test_options_that_do_not_go_together_are_wrong_use(
    made: World, arguments: tuple[str, ...]
) -> None:
    assert command(made.layout, *arguments).exit_code == 2


def test_rounds_are_listed_with_pins_and_held_out_repositories(made: World) -> None:
    shown = command(made.layout, "round", "status").stdout.splitlines()

    assert [line.split()[0] for line in shown if "r0" in line.split()[0]] == ["r01", "r02"]
    (oak, _) = (line.split() for line in shown if "oak" in line)
    assert oak == ["oak", made.shas["oak"][5][:12], "yes"]
