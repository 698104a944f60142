"""A data card can be understood by who did not write it."""

from __future__ import annotations

import dataclasses
import json

import pytest

from cra_pipeline.contracts.datasets import DatasetManifest
from cra_pipeline.contracts.manifests import Count
from cra_pipeline.datasets.card import (
    LABELS,
    LOGGED,
    MEANINGS,
    MINED,
    PUBLISHED,
    CardFacts,
    data_card,
    words_on_origin,
    words_on_plan,
    words_on_tokens,
)
from cra_pipeline_tests.contracts.regenerate import example
from cra_pipeline_tests.datasets.rows import row

FACTS = CardFacts(
    by_call=(Count(label="scope: yes", count=3),),
    by_licence=(Count(label="MIT", count=3),),
    tokens=(4, 9),
    counting=words_on_tokens("characters/3", exact=False),
    plan=words_on_plan(30, ("harness",), planned=True),
    calls=("scope",),
    origins=(Count(label=LOGGED, count=2), Count(label=PUBLISHED, count=1)),
    reasoning=None,
    plots=(),
)


def manifest(**fields: object) -> DatasetManifest:
    filled = example(DatasetManifest)
    assert isinstance(filled, DatasetManifest)
    plain = {
        "adapter_kind": "scope", "form": "sft", "rows": 3, "replayed": 0,
        "policy": json.dumps({"caps": {"domains": 6}, "seed": 0}),
        "dropped": tuple(Count(label=name, count=1) for name in MEANINGS),
        "by_label": tuple(Count(label=name, count=1) for name in LABELS),
    }  # fmt: skip
    return filled.model_copy(update=plain | fields)


def test_every_rule_and_label_is_told_in_words() -> None:
    card = data_card(manifest(), FACTS)

    assert all(f"| {name} | 1 | {words} |" in card for name, words in MEANINGS.items())
    assert all(words in card for words in LABELS.values())
    assert "- 2 of 3 rows: asked in an attempt or run" in card
    assert "- 1 of 3 rows: from published data sets" in card
    assert "| caps | `domains = 6` |" in card
    assert "at most 30 rows, first from harness" in card
    assert "estimated, characters/3" in card


def test_a_label_that_nobody_explained_breaks_no_card() -> None:
    strange = (Count(label="new_rule", count=1),)

    assert "| new_rule | 1 | - |" in data_card(manifest(dropped=strange), FACTS)


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({}, LOGGED),
        ({"task_id": ""}, MINED),
        ({"task_id": "", "source": "cold_start", "domain": ""}, PUBLISHED),
    ],
)
def test_where_a_row_comes_from_is_told(fields: dict[str, object], words: str) -> None:
    assert words_on_origin(row("a", **fields)) == words


@pytest.mark.parametrize(
    ("reasoning", "words"),
    [((), "0 rows: no model reasoned"), ((Count(label="meta_plan by t", count=2),), "by t: 2")],
)
def test_reasoning_is_told_of_plans_alone(reasoning: tuple[Count, ...], words: str) -> None:
    facts = dataclasses.replace(FACTS, reasoning=reasoning)

    assert "## Reasoning" not in data_card(manifest(), FACTS)
    assert words in data_card(manifest(adapter_kind="planning_dpo", form="dpo"), facts)


def test_what_the_plan_asked_for_is_told() -> None:
    assert words_on_plan(0, (), planned=False).startswith("none was made")
    assert words_on_plan(0, ("harness",), planned=True) == (
        "all pairs that there are, first from harness"
    )
    assert words_on_tokens("qwen@1", exact=True).startswith("counted by the base's tokenizer")
