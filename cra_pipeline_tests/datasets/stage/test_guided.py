"""What a round's plan asks of its datasets is heeded, and proven."""

from __future__ import annotations

import json

import pytest

from cra_pipeline.contracts.datasets import DatasetManifest
from cra_pipeline.contracts.plans import AdapterPlan, Stock, TrainingPlan
from cra_pipeline.contracts.workspace import Layout
from cra_pipeline.datasets.quota import Quota
from cra_pipeline.datasets.stage.curate import curate
from cra_pipeline.datasets.stage.guide import quota_of
from cra_pipeline.datasets.stage.judge import check_dataset
from cra_pipeline.errors import CheckError
from cra_pipeline.integrations.evidence import seal_table, write_check
from cra_pipeline.integrations.files import read_record, write_record
from cra_pipeline.kinds import ADAPTER_KINDS
from cra_pipeline_tests.contracts.regenerate import example
from cra_pipeline_tests.datasets.conftest import CODE, SCOPE
from cra_pipeline_tests.datasets.worlds import World

pytestmark = pytest.mark.slow


def plan(
    layout: Layout,
    round_name: str,
    wanted: int,
    *,
    least: int = 0,
    findings: tuple[str, ...] = (),
) -> None:
    """A plan that wants so many rows of each kind, from attempts first."""
    draft, whole = example(AdapterPlan), example(TrainingPlan)
    assert isinstance(draft, AdapterPlan)
    assert isinstance(whole, TrainingPlan)
    stock = tuple(
        Stock(source=source, form="sft", rows=9, repos=1, domains=1)
        for source in ("harness", "synthetic")
    )
    adapters = tuple(
        draft.model_copy(
            update={
                "adapter_kind": kind,
                "round": round_name,
                "wanted": wanted,
                "least": least,
                "stock": stock,
            }
        )
        for kind in ADAPTER_KINDS
    )
    folder = layout.partition("training_plan", round_name)
    made = whole.model_copy(update={"round": round_name, "adapters": adapters})
    write_record(folder / "plan.json", made)
    manifest = seal_table(
        layout, "training_plan", round_name, adapters, AdapterPlan,
        reasons=[], inputs=[], policy="{}",
    )  # fmt: skip
    write_check(layout, manifest, findings)


def test_no_more_rows_than_the_plan_wants_replay_included(world: World) -> None:
    plan(world.layout, "r02", 30)
    curate(world.layout, SCOPE)
    manifest = read_record(SCOPE.folder(world.layout) / "manifest.json", DatasetManifest)

    assert manifest.rows <= 30
    assert manifest.replayed * 10 >= manifest.rows
    assert {item.label: item.count for item in manifest.dropped}["beyond_plan"] > 0
    assert check_dataset(world.layout, SCOPE).findings == ()
    assert json.loads(manifest.policy)["plan"] == {
        "sources": ["harness", "synthetic"], "wanted": 30,
    }  # fmt: skip
    assert "training_plan/r02" in {item.name for item in manifest.inputs}
    assert "at most 30 rows, first from harness, synthetic" in (
        SCOPE.folder(world.layout) / "card.md"
    ).read_text("utf-8")


def test_a_dataset_with_more_rows_than_the_plan_wants_is_found(world: World) -> None:
    plan(world.layout, "r02", 55)

    assert check_dataset(world.layout, SCOPE).findings == (
        "56 rows, the round's training plan wants 55 at most",
    )


def test_a_plan_counts_the_form_without_which_a_kind_cannot_be_trained(world: World) -> None:
    plan(world.layout, "r01", 5)

    assert quota_of(world.layout, CODE) == Quota()
    assert quota_of(world.layout, SCOPE) == Quota()
    plan(world.layout, "r02", 5)
    assert quota_of(world.layout, SCOPE) == Quota(wanted=5, sources=("harness", "synthetic"))


def test_a_plan_that_failed_its_check_guides_nothing(world: World) -> None:
    plan(world.layout, "r02", 30, findings=("made up",))

    with pytest.raises(CheckError, match="training_plan of r02 failed its check: made up"):
        curate(world.layout, SCOPE)


@pytest.mark.parametrize(("least", "words"), [(57, "56 rows; the round's training plan"), (56, "")])
def test_a_size_that_the_plan_calls_not_worth_a_training_is_noted(
    least: int, words: str, world: World
) -> None:
    plan(world.layout, "r02", 3000, least=least)
    curate(world.layout, SCOPE)
    report = check_dataset(world.layout, SCOPE)

    assert report.passed
    assert any(words in note for note in report.notes if "estimated" not in note) == bool(words)
