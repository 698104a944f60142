"""Rows that touch what is kept for judging, by name, by commit, by change and by words."""

from __future__ import annotations

import pytest

from cra_pipeline.contracts.datasets import CandidateRow
from cra_pipeline.contracts.holdout import HoldoutRow
from cra_pipeline.contracts.sources import slug_of
from cra_pipeline.contracts.tasks import TaskRow
from cra_pipeline.datasets.decontamination import (
    Benchmarks,
    Contamination,
    ContaminationPolicy,
)
from cra_pipeline.datasets.kept_out import added_lines
from cra_pipeline.datasets.stage.court import BENCHMARKS
from cra_pipeline_tests.contracts.regenerate import example
from cra_pipeline_tests.datasets.rows import row
from cra_pipeline_tests.datasets.worlds import words

HELD = HoldoutRow(
    repo="oak", sha="a" * 40, committed_at=1, patch_id="change", reason="held_out_repository",
    task_id="oak-1", content_id="c", statement=words("statement", 20), added=words("added", 80),
)  # fmt: skip
LIST = Benchmarks(frozenset({"pallets/flask"}), frozenset({"b" * 40}))


def contamination() -> Contamination:
    slugs = {"flask-mirror": "pallets/flask"}
    return Contamination([HELD], ["oak"], LIST, slugs, ContaminationPolicy())


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"repo": "oak"}, "held_out_repository"),
        ({"sha": "a" * 40}, "held_out_commit"),
        ({"patch_id": "change"}, "held_out_change"),
        ({"repo": "flask-mirror"}, "benchmark_repository"),
        ({"sha": "b" * 40}, "benchmark_commit"),
        ({"repo": "elm", "patch_id": ""}, ""),
    ],
)
def test_an_origin_is_kept_out_by_name_commit_or_change(
    fields: dict[str, object], reason: str
) -> None:
    assert contamination().by_origin(row("a", **fields)) == reason


def said(prompt: str, answer: str) -> CandidateRow:
    filled = example(CandidateRow)
    assert isinstance(filled, CandidateRow)
    return filled.model_copy(update={"prompt": prompt, "answers": (answer,)})


@pytest.mark.parametrize(
    ("prompt", "answer", "reason"),
    [
        (f"# Task\n{HELD.statement}\n\n## a.py", "x = 1", "held_out_statement"),
        ("# Task\nAnother\n", f"prefix\n{HELD.added.upper()}\n", "held_out_code"),
        ("# Task\nAnother\n", " ".join(HELD.added.split()[:20]), ""),
        (words("elsewhere", 200), words("other", 80), ""),
    ],
)
def test_a_kept_out_task_in_other_places_is_known_by_its_words(
    prompt: str, answer: str, reason: str
) -> None:
    assert contamination().by_words(said(prompt, answer)) == reason


def test_only_lines_that_are_new_give_a_task_away() -> None:
    filled = example(TaskRow)
    assert isinstance(filled, TaskRow)
    patch = (
        "--- a/a.py\n+++ b/a.py\n@@ -1,2 +1,3 @@\n-moved = 1\n context\n+new = 2\n+    moved = 1\n"
    )

    assert list(
        added_lines(filled.model_copy(update={"gold_patch": patch, "test_patch": "+test\n"}))
    ) == ["new = 2", "test"]


@pytest.mark.parametrize(
    ("url", "slug"),
    [
        ("https://github.com/Pallets/Flask.git", "pallets/flask"),
        ("git@github.com:psf/requests", "psf/requests"),
        ("/srv/mirrors/django/django.git/", "django/django"),
        ("local:till", ""),
    ],
)
def test_an_address_ends_in_owner_and_name(url: str, slug: str) -> None:
    assert slug_of(url) == slug


def test_the_list_names_the_twelve_repositories_of_swe_bench() -> None:
    known = Benchmarks.parse(BENCHMARKS.read_text("utf-8"), where="benchmarks.toml")

    assert len(known.repositories) == 12
    assert "sympy/sympy" in known.repositories


def test_a_list_without_commits_is_refused_with_its_entry() -> None:
    with pytest.raises(ValueError, match=r"here: benchmark 1 \(X\): expected lists"):
        Benchmarks.parse('[[benchmark]]\nname = "X"\nrepositories = []\n', where="here")
