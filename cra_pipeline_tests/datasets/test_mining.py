"""Own commits become examples where they teach style, and pairs where they harden a function."""

from __future__ import annotations

import dataclasses

import pytest

from cra_pipeline.contracts.commits import CommitRow
from cra_pipeline.contracts.datasets import CandidateRow
from cra_pipeline.contracts.triples import TripleRow
from cra_pipeline.datasets.increment import CommitFacts
from cra_pipeline.datasets.mining import (
    STYLE,
    MinedCommit,
    MiningPolicy,
    drawn,
    eligible,
    mined,
    system_text,
)
from cra_pipeline_tests.contracts.regenerate import example

BEFORE = '''def price(table, key):
    """Price of a key."""
    try:
        return table[key]
    except Exception:
        return None
'''
AFTER = '''def price(table, key):
    """Price of a key."""
    assert key, "no key"
    try:
        return table[key]
    except KeyError as error:
        raise LookupError(f"no price of {key}") from error
'''
FACTS = CommitFacts(domain="database", licence="MIT", patch_id="p" * 40, committed_at=5, fault="")
SYSTEM = "You edit code."


def commit(number: int = 1, **fields: object) -> CommitRow:
    sha = f"{number:040x}"
    filled = example(CommitRow)
    assert isinstance(filled, CommitRow)
    plain = {
        "repo": "elm", "sha": sha, "window": (sha,), "base_sha": "b" * 40, "qualified": True,
        "source_files": ("elm.py",), "message": "Refuse keys without a price",
    }  # fmt: skip
    return filled.model_copy(update=plain | fields)


def given(
    before: str = BEFORE, after: str = AFTER, facts: CommitFacts = FACTS, system: str = SYSTEM
) -> tuple[list[CandidateRow], dict[str, int]]:
    one = MinedCommit(row=commit(), facts=facts, before=before, after=after)
    made = mined([one], "r02", system, MiningPolicy())
    return sorted(made.rows, key=lambda row: row.form), dict(made.left_out)


def test_a_commit_that_hardens_a_function_is_imitated_and_preferred() -> None:
    (pair, style), left_out = given()

    assert not left_out
    assert (style.form, style.label, pair.form, pair.label) == ("sft", STYLE, "dpo", "pre_commit")
    assert "except KeyError" in style.answers[0]
    assert "except KeyError" in pair.answers[0]
    assert "except Exception" in pair.answers[1]
    for row in (style, pair):
        origin = row.origin
        assert (row.adapter_kind, row.call_kind, row.round) == ("execute_code", "implement", "r02")
        assert (origin.source, origin.repo, origin.domain) == ("synthetic", "elm", "database")
        assert (origin.sha, origin.patch_id, origin.committed_at) == (f"{1:040x}", "p" * 40, 5)
        assert (origin.attempt_ids, origin.call_number, origin.task_id) == ((), -1, "")
        assert (origin.licence, origin.row, row.system) == ("MIT", "elm.py", SYSTEM)


def test_a_file_that_swallows_errors_is_no_style_to_imitate() -> None:
    rows, left_out = given(before=AFTER, after=BEFORE)

    assert rows == []
    assert left_out == {"sft commit: not_fail_fast": 1, "dpo commit: pair_without_verdict": 1}


def test_a_commit_beyond_the_line_gives_nothing() -> None:
    rows, left_out = given(facts=dataclasses.replace(FACTS, fault="after_cut_off"))

    assert rows == []
    assert left_out == {"sft commit: after_cut_off": 1, "dpo commit: after_cut_off": 1}


def test_a_repository_without_a_licence_gives_nothing() -> None:
    rows, left_out = given(facts=dataclasses.replace(FACTS, licence=""))

    assert rows == []
    assert left_out == {"sft commit: no_licence": 1, "dpo commit: no_licence": 1}


@pytest.mark.parametrize(
    "fields",
    [
        {"qualified": False},
        {"base_sha": ""},
        {"source_files": ("a.py", "b.py")},
        {"source_files": ()},
        {"window": ("7" * 40, f"{1:040x}")},
    ],
)
def test_other_commits_are_not_looked_at(fields: dict[str, object]) -> None:
    assert eligible([commit()]) == (commit(),)

    assert eligible([commit(1, **fields)]) == ()


def test_what_a_later_change_joins_is_part_of_that_ones_task() -> None:
    fix, test = commit(1), commit(2, window=(f"{1:040x}", f"{2:040x}"))

    assert eligible([fix, test]) == ()


def test_the_draw_does_not_hang_on_the_order() -> None:
    rows = [commit(number) for number in range(1, 20)]
    policy = MiningPolicy(commits=5)

    assert len(drawn(rows, policy)) == 5
    assert drawn(rows, policy) == drawn(rows[::-1], policy)


def test_the_system_text_is_the_one_that_was_logged_most() -> None:
    filled = example(TripleRow)
    assert isinstance(filled, TripleRow)

    def said(system: str, kind: str = "implement", source: str = "logged") -> TripleRow:
        told = {"system": system, "call_kind": kind, "prompt_source": source}
        return filled.model_copy(update=told)

    rows = [said("b"), said("a"), said("a"), *[said("c", kind="scope")] * 3]

    assert system_text(rows) == "a"
    assert not system_text([said("a", source="rendered")])
