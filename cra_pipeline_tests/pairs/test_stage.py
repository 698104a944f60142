"""The stage reads what was checked, and writes the same bytes again."""

from __future__ import annotations

from pathlib import Path

import pytest

from cra_pipeline.contracts.tasks import AttemptRow, Outcome
from cra_pipeline.contracts.triples import PreferencePair, TripleRow, prompt_hash
from cra_pipeline.contracts.workspace import Layout
from cra_pipeline.errors import BusyError, CheckError
from cra_pipeline.integrations.evidence import seal_table, write_check
from cra_pipeline.integrations.files import partition_lock, read_table
from cra_pipeline.pairs.stage import check_pairs, pair_preferences

KEY = "demo|r01"


def attempt(name: str, outcome: Outcome) -> AttemptRow:
    return AttemptRow(
        attempt_id=name,
        task_id="demo-1",
        repo="demo",
        round="r01",
        agent="gold_patch" if outcome is Outcome.PASSED else "mutant",
        configuration=name,
        temperature=0.0,
        seed=0,
        patch=name,
        outcome=outcome,
        reason="" if outcome is Outcome.PASSED else "fail_to_pass_failed",
        detail="",
        failed_tests=(),
        imports=True,
    )


def triple(row: AttemptRow) -> TripleRow:
    return TripleRow(
        triple_id=f"t-{row.attempt_id}",
        attempt_id=row.attempt_id,
        task_id=row.task_id,
        repo=row.repo,
        round=row.round,
        sha="1" * 40,
        call_kind="implement",
        prompt_source="rendered",
        prompt_hash=prompt_hash("s", "p"),
        system="s",
        prompt="p",
        output=row.patch,
        right_answer="gold",
        outcome=row.outcome,
        reason=row.reason,
    )


@pytest.fixture
def layout(tmp_path: Path) -> Layout:
    layout = Layout(tmp_path)
    attempts = [attempt("gold", Outcome.PASSED), attempt("off_by_one#1", Outcome.FAILED)]
    manifest = seal_table(
        layout, "attempts", KEY, attempts, AttemptRow, reasons=[], inputs=[], policy="{}"
    )
    write_check(layout, manifest, [])
    triples = [triple(row) for row in attempts]
    manifest = seal_table(
        layout, "triples", KEY, triples, TripleRow, reasons=[], inputs=[], policy="{}"
    )
    write_check(layout, manifest, [])
    return layout


def test_pairs_are_written_checked_and_written_again_to_the_byte(layout: Layout) -> None:
    report = pair_preferences(layout, "demo", "r01")
    folder = layout.partition("preference_pairs", KEY)
    first = {path.name: path.read_bytes() for path in folder.iterdir()}
    pair_preferences(layout, "demo", "r01")

    assert report.manifest.rows == 1
    assert report.preview[0]["lost"] == "off_by_one: fail_to_pass_failed"
    assert [item.name for item in report.manifest.inputs] == [f"attempts/{KEY}", f"triples/{KEY}"]
    assert check_pairs(layout, "demo", "r01").passed
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == first
    assert read_table(layout.table("preference_pairs", KEY), PreferencePair)[0].chosen == "gold"


def test_unchecked_triples_are_refused(layout: Layout) -> None:
    layout.check("triples", KEY).unlink()

    with pytest.raises(CheckError, match="triples"):
        pair_preferences(layout, "demo", "r01")


def test_a_partition_at_work_is_refused(layout: Layout) -> None:
    with partition_lock(layout, "preference_pairs", KEY), pytest.raises(BusyError):
        pair_preferences(layout, "demo", "r01")


def test_a_pair_without_its_attempt_fails_the_check(layout: Layout) -> None:
    pair_preferences(layout, "demo", "r01")
    rows = [attempt("gold", Outcome.PASSED)]
    seal_table(layout, "attempts", KEY, rows, AttemptRow, reasons=[], inputs=[], policy="{}")
    report = check_pairs(layout, "demo", "r01")

    assert not report.passed
    assert "does not exist" in report.findings[0]


def test_prompts_with_two_right_answers_are_counted(layout: Layout) -> None:
    rows = [attempt("gold", Outcome.PASSED), attempt("off_by_one#1", Outcome.FAILED)]
    triples = [triple(row).model_copy(update={"right_answer": row.patch}) for row in rows]
    manifest = seal_table(
        layout, "triples", KEY, triples, TripleRow, reasons=[], inputs=[], policy="{}"
    )
    write_check(layout, manifest, [])
    manifest = pair_preferences(layout, "demo", "r01").manifest

    assert manifest.rows == 0
    assert [(item.label, item.count) for item in manifest.counts] == [
        ("no pair: conflicting_right_answers", 1)
    ]
