"""Tombstones reach whatever descends from what they name, and nothing else."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cra_pipeline.contracts.datasets import Origin
from cra_pipeline.contracts.takedowns import Takedown
from cra_pipeline.datasets.takedown import full_id, licence_terms, taken_down
from cra_pipeline_tests.contracts.regenerate import example
from cra_pipeline_tests.strategies import origins

BLANK = Takedown(
    by="repo", target="x", reason="", repos=(), licences=(), commits=(), patch_ids=(),
    descendants=(), adapters=(),
)  # fmt: skip
ONE, TWO, THREE = "a" * 40, "a" * 39 + "b", "c" * 40


def origin(**fields: object) -> Origin:
    found = example(Origin)
    assert isinstance(found, Origin)
    known = {"repo": "attrs", "licence": "MIT", "sha": ONE, "patch_id": TWO}
    return found.model_copy(update=known | fields)


@pytest.mark.parametrize(
    ("tombstone", "found"),
    [
        ({"repos": ("attrs",)}, True),
        ({"repos": ("attr",)}, False),
        ({"licences": ("mit",)}, True),
        ({"licences": ("MIT-0",)}, False),
        ({"commits": (ONE,)}, True),
        ({"commits": (TWO,)}, False),
        ({"patch_ids": (TWO,)}, True),
        ({"patch_ids": (ONE,)}, False),
        ({}, False),
    ],
)
def test_a_row_goes_with_its_repository_licence_commit_or_change(
    tombstone: dict[str, object], *, found: bool
) -> None:
    rule = taken_down([BLANK, BLANK.model_copy(update=tombstone)])

    assert rule.fault(origin()) == ("taken_down" if found else "")


def test_a_row_goes_with_any_commit_that_its_task_joins() -> None:
    rule = taken_down([BLANK.model_copy(update={"commits": (THREE,)})])

    assert rule.fault(origin()) == ""
    assert rule.fault(origin(), (THREE, ONE)) == "taken_down"


def test_what_a_published_row_lacks_matches_nothing() -> None:
    rule = taken_down([BLANK.model_copy(update={"commits": ("",), "patch_ids": ("",)})])

    assert rule.fault(origin(sha="", patch_id="")) == ""


@given(origins)
def test_without_tombstones_everything_may_be_used(row: Origin) -> None:
    assert taken_down([]).fault(row) == ""


@pytest.mark.parametrize(
    ("expression", "terms"),
    [
        ("MIT", {"mit"}),
        ("MIT OR Apache-2.0", {"mit", "apache-2.0"}),
        ("(MIT and BSD-3-Clause) OR GPL-3.0-only", {"mit", "bsd-3-clause", "gpl-3.0-only"}),
        ("GPL-2.0-only WITH Classpath-exception-2.0", {"gpl-2.0-only", "classpath-exception-2.0"}),
        ("MIT/Apache-2.0, BSD-3-Clause; ISC", {"mit", "apache-2.0", "bsd-3-clause", "isc"}),
        ("GPL-3.0", {"gpl-3.0-only"}),
        ("GPLv3", {"gpl-3.0-only"}),
        ("GPL-2.0+", {"gpl-2.0-or-later"}),
        ("LGPL-2.1", {"lgpl-2.1-only"}),
        ("AGPL-3.0-or-later", {"agpl-3.0-or-later"}),
        ("unknown", {"unknown"}),
        ("", set()),
    ],
)
def test_an_expression_names_each_of_its_licences(expression: str, terms: set[str]) -> None:
    assert licence_terms(expression) == terms


@pytest.mark.parametrize("given_id", [THREE, THREE[:7], THREE[:7].upper()])
def test_a_commit_may_be_cut_short_as_long_as_it_is_the_only_one(given_id: str) -> None:
    assert full_id(given_id, [ONE, TWO, THREE]) == THREE


@pytest.mark.parametrize(
    ("given_id", "words"),
    [
        (ONE[:20], "2 known ids begin so"),
        ("d" * 7, "no known commit begins so"),
        ("c" * 6, "7 to 40 hexadecimal digits"),
        ("g" * 40, "no commit"),
        ("c" * 41, "no commit"),
        ("", "no commit"),
    ],
)
def test_an_id_that_means_none_or_several_is_refused(given_id: str, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        full_id(given_id, [ONE, TWO, THREE])


def test_a_whole_id_needs_not_be_known() -> None:
    assert full_id("d" * 40, []) == "d" * 40


@given(st.text(max_size=60))
def test_a_tombstones_name_is_a_plain_file_name(target: str) -> None:
    name = BLANK.model_copy(update={"target": target}).name

    assert "/" not in name
    assert "." not in name
    assert len(name) < 80
