"""What a snapshot must hold before commits are read from it."""

from __future__ import annotations

import dataclasses
import re

import pytest

from cra_pipeline.contracts.sources import RepoSnapshot
from cra_pipeline.corpus.check import SnapshotFacts, judge_snapshot

PIN = "refs/heads/pinned"
ROW = RepoSnapshot(
    repo="lib",
    url="local:lib",
    revision="a" * 40,
    commits=3,
    tags=("v1",),
    domain="parsing",
    licence="MIT",
)
WHOLE = SnapshotFacts(
    refs=((PIN, "a" * 40), ("refs/tags/v1", "b" * 40)), commits=3, broken="", borrows=False
)


def test_a_whole_snapshot_has_no_findings() -> None:
    assert judge_snapshot("lib", [ROW], WHOLE, pinned=PIN) == ()


@pytest.mark.parametrize(
    ("change", "word"),
    [
        ({"refs": (("refs/tags/v1", "b" * 40),)}, "is at None"),
        ({"refs": ((PIN, "c" * 40), ("refs/tags/v1", "b" * 40))}, "is at ccc"),
        ({"refs": (*WHOLE.refs, ("refs/heads/main", "a" * 40))}, "refs beside .*refs/heads/main"),
        ({"refs": (*WHOLE.refs, ("refs/tags/v2", "a" * 40))}, "refs beside .*refs/tags/v2"),
        ({"refs": WHOLE.refs[:1]}, "listed but gone: refs/tags/v1"),
        ({"broken": "missing blob", "commits": -1}, "not whole: missing blob"),
        ({"commits": 2}, "2 commits are reached, expected 3"),
        ({"borrows": True}, "borrows"),
    ],
)
def test_each_fault_of_a_snapshot_is_one_finding(change: dict[str, object], word: str) -> None:
    facts = dataclasses.replace(WHOLE, **change)  # type: ignore[arg-type]  # fields by name
    (finding,) = judge_snapshot("lib", [ROW], facts, pinned=PIN)

    assert re.search(word, finding)


@pytest.mark.parametrize("rows", [[], [ROW, ROW]])
def test_a_snapshot_is_one_row(rows: list[RepoSnapshot]) -> None:
    assert judge_snapshot("lib", rows, WHOLE, pinned=PIN) == (
        f"lib: {len(rows)} rows, expected exactly one",
    )


def test_a_row_of_another_repository_is_found() -> None:
    assert "is of lib" in judge_snapshot("other", [ROW], WHOLE, pinned=PIN)[0]
