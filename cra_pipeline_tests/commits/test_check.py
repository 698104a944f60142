"""Every promise of the table, broken once."""

from __future__ import annotations

import pytest

from cra_pipeline.commits.attrition import attrition, preview
from cra_pipeline.commits.check import findings
from cra_pipeline.commits.rules import ORDER
from cra_pipeline.contracts.commits import CommitRow

ROW = CommitRow(
    repo="demo",
    sha="a" * 40,
    base_sha="b" * 40,
    window=("a" * 40,),
    committed_at=2,
    authored_at=2,
    subject="Add it",
    message="Add it",
    qualified=True,
    reason="",
    evidence="",
    rescue="",
    type="step-plan",
    also_types=(),
    source_files=("a.py",),
    test_files=(),
    other_files=(),
    related_tests=(),
    added_lines=1,
    deleted_lines=0,
    symbols=(),
)
REJECTED = ROW.model_copy(
    update={
        "sha": "c" * 40,
        "window": ("c" * 40,),
        "committed_at": 1,
        "qualified": False,
        "reason": "empty",
        "evidence": "no file differs from the parent",
        "type": "",
    }
)


def test_a_sound_table_has_no_findings() -> None:
    found = findings([ROW, REJECTED], commits=2)

    assert found == ()


@pytest.mark.parametrize(
    ("row", "change", "words"),
    [
        (ROW, {"type": ""}, "without a planning type"),
        (ROW, {"base_sha": ""}, "base commit"),
        (ROW, {"reason": "empty"}, "yet rejected"),
        (ROW, {"source_files": ()}, "without a source or test file"),
        (ROW, {"window": ("d" * 40,)}, "does not end with it"),
        (REJECTED, {"reason": ""}, "without a known reason"),
        (REJECTED, {"reason": "whim"}, "without a known reason"),
        (REJECTED, {"evidence": ""}, "without a known reason and evidence"),
    ],
)
def test_a_faulty_row_is_found(row: CommitRow, change: dict[str, object], words: str) -> None:
    found = findings([row.model_copy(update=change)], commits=1)

    assert len(found) == 1
    assert words in found[0]


@pytest.mark.parametrize(
    ("rows", "commits", "words"),
    [
        ([ROW], 2, "1 rows for a history of 2 commits"),
        ([ROW, ROW], 2, "more than one row"),
        ([REJECTED, ROW], 2, "not sorted"),
    ],
)
def test_a_faulty_table_is_found(rows: list[CommitRow], commits: int, words: str) -> None:
    found = findings(rows, commits=commits)

    assert any(words in finding for finding in found)


def test_losses_add_up_to_what_is_left() -> None:
    losses = attrition([ROW, REJECTED])

    assert [loss.reason for loss in losses] == list(ORDER)
    assert losses[-1].left == 1
    assert preview(losses) == ({"rule": "empty", "rejected": "1", "left": "1"},)
