"""What a row says of itself is believed nowhere: the check makes it again from its evidence."""

from __future__ import annotations

import pytest

from cra_pipeline.contracts.holdout import HoldoutRow
from cra_pipeline.contracts.tasks import AttemptRow, Outcome
from cra_pipeline.contracts.triples import TripleRow
from cra_pipeline.datasets.stage.dataset_files import Cell, read_rows
from cra_pipeline.datasets.stage.judge import check_dataset
from cra_pipeline.errors import StoreError
from cra_pipeline.integrations.files import read_table
from cra_pipeline_tests.datasets.conftest import CODE, SCOPE
from cra_pipeline_tests.datasets.stage.test_curate import Lines, tampered
from cra_pipeline_tests.datasets.worlds import World, table

pytestmark = pytest.mark.slow


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("author", "student-v1"),
        ("source", "harness"),
        ("call_number", 77),
        ("task_id", "elm-1"),
        ("label", "nonsense"),
    ],
)
@pytest.mark.parametrize("cell", [SCOPE, CODE])
def test_whatever_a_row_says_is_held_against_triple_pair_and_log(
    cell: Cell, name: str, value: object, world: World
) -> None:
    changed = {"source": "logged"} if (cell, name) == (CODE, "source") else {name: value}

    def slip(rows: Lines) -> None:
        rows[0] |= changed if name == "label" else {"origin": rows[0]["origin"] | changed}

    found = tampered(world.layout, cell, slip)

    assert any(f"{name} are not what its " in item for item in found), "\n".join(found)


@pytest.mark.parametrize("place", [0, 1])
def test_a_pair_whose_attempts_hidden_tests_judged_otherwise_is_found(
    place: int, world: World
) -> None:
    origin = next(read_rows(world.layout, CODE)).origin
    path = world.layout.table("attempts", f"{origin.repo}|r01")
    turned = {Outcome.PASSED: Outcome.FAILED, Outcome.FAILED: Outcome.PASSED}
    listed = [
        row.model_copy(update={"outcome": turned[row.outcome]})
        if row.attempt_id == origin.attempt_ids[place]
        else row
        for row in read_table(path, AttemptRow)
    ]
    table(world.layout, "attempts", f"{origin.repo}|r01", listed)

    side = ("chosen", "rejected")[place]
    found = check_dataset(world.layout, CODE).findings
    assert any(f"its {side} attempt {origin.attempt_ids[place][:12]} is " in item for item in found)


def test_a_dataset_without_rows_is_found(world: World) -> None:
    found = tampered(world.layout, SCOPE, lambda rows: rows.clear())

    assert any(item.startswith("no rows: nothing could be learnt") for item in found)


def test_a_holdout_that_is_not_its_manifests_is_refused(world: World) -> None:
    manifest = world.layout.manifest("holdout", "r02")
    told = manifest.read_bytes()
    listed = read_table(world.layout.table("holdout", "r02"), HoldoutRow)
    table(world.layout, "holdout", "r02", listed[1:])
    manifest.write_bytes(told)

    with pytest.raises(StoreError, match=r"its manifest says .*keep the holdout out again"):
        check_dataset(world.layout, SCOPE)


def test_a_row_whose_prompt_has_two_right_answers_is_found(world: World) -> None:
    origin = next(read_rows(world.layout, SCOPE)).origin
    key = f"{origin.repo}|r02"
    listed = read_table(world.layout.table("triples", key), TripleRow)
    (own,) = (row for row in listed if row.triple_id == origin.row)
    other = {"yes": "no", "no": "yes"}[own.right_answer]
    again = own.model_copy(update={"triple_id": "f" * 64, "right_answer": other})
    table(world.layout, "triples", key, [*listed, again])

    found = check_dataset(world.layout, SCOPE).findings
    assert any("its triple is no candidate: conflicting_labels" in item for item in found)


def test_a_row_of_an_answer_that_an_earlier_attempt_gave_is_found(world: World) -> None:
    origin = next(read_rows(world.layout, SCOPE)).origin
    key = f"{origin.repo}|r02"
    listed = read_table(world.layout.table("triples", key), TripleRow)
    (own,) = (row for row in listed if row.triple_id == origin.row)
    first = own.model_copy(update={"triple_id": "f" * 64, "call_number": -1})
    table(world.layout, "triples", key, [*listed, first])

    found = check_dataset(world.layout, SCOPE).findings
    assert any("its triple is no candidate: repeated" in item for item in found)


def test_a_dataset_of_a_few_rows_is_found(world: World) -> None:
    found = tampered(world.layout, SCOPE, lambda rows: rows.__delitem__(slice(9, None)))

    assert "too few rows: 9, expected 10 or more" in found
