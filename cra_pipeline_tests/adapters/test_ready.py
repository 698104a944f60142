"""What the stage refuses before a trainer is called, by what lies in the workspace."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from cra_pipeline.adapters.recipe import TINY
from cra_pipeline.adapters.stage.ready import Choices, kind_and_round, prepare
from cra_pipeline.contracts.bases import ON_TRIAL, BaseRecord
from cra_pipeline.contracts.datasets import DatasetManifest, SftExample
from cra_pipeline.contracts.gates import ArmFigure, Estimate, GateReport, RoundGateReport
from cra_pipeline.contracts.takedowns import Takedown
from cra_pipeline.contracts.workspace import Layout
from cra_pipeline.errors import CheckError, GuardError, PipelineError, RoundError
from cra_pipeline.integrations.bases import import_base
from cra_pipeline.integrations.files import read_record, write_record
from cra_pipeline.registry.stage.settling import settled
from cra_pipeline_tests.adapters.worlds import (
    bare_model,
    dataset,
    dpo_row,
    open_round,
    sample,
    sft_row,
)
from cra_pipeline_tests.contracts.regenerate import example

ROWS = [sft_row(number) for number in range(12)]


@pytest.fixture
def base(layout: Layout, tmp_path: Path) -> BaseRecord:
    """A gated base that the reasoning kinds name by its role."""
    model = bare_model(tmp_path / "upstream")
    return import_base(layout, model, role="reasoning", name="own", gate_1="9" * 64)


def ready(layout: Layout, partition: str = "scope|r01", **choices: object) -> tuple[str, ...]:
    kind, record = kind_and_round(layout, partition)
    return prepare(layout, kind, record, Choices(**choices)).notes  # type: ignore[arg-type]  # by name


def test_a_sound_dataset_on_a_gated_base_is_ready(layout: Layout, base: BaseRecord) -> None:
    open_round(layout)
    named = dataset(layout, "sft", ROWS)
    kind, record = kind_and_round(layout, "scope|r01")
    found = prepare(layout, kind, record, Choices(most_steps=7, seed=3))

    assert found.base == base
    assert found.sft == tuple(ROWS)
    assert found.resolved.recipe.datasets == (named,)
    assert [phase.most_steps for phase in found.resolved.recipe.phases] == [7]
    assert found.resolved.recipe.seed == 3


def test_another_policy_is_taken_as_it_is(base: BaseRecord) -> None:
    assert Choices(policy=TINY).numbers(base) == TINY


def failed_check(layout: Layout) -> None:
    dataset(layout, "sft", ROWS, findings=["touches the holdout"])


def no_dataset(layout: Layout) -> None:
    assert not layout.partition("sft_dataset", "scope|r01").exists()


def taken_down_since(layout: Layout) -> None:
    dataset(layout, "sft", ROWS)
    write_record(layout.root / "takedowns" / "repo-x.json", example(Takedown))


def one_class(layout: Layout) -> None:
    dataset(layout, "sft", [sft_row(number, answer="yes") for number in range(12)])


def self_made(layout: Layout) -> None:
    dataset(layout, "sft", [sft_row(number, author="student") for number in range(12)])


def no_base(layout: Layout) -> None:
    dataset(layout, "sft", ROWS)
    (layout.bases / "reasoning-4k-base-v1" / "base.json").unlink()


def merged(layout: Layout) -> None:
    dataset(layout, "sft", ROWS)
    (layout.bases / "reasoning-4k-base-v1" / "model" / "adapter_config.json").write_text("{}")


@pytest.mark.parametrize(
    ("spoil", "error", "message"),
    [
        (no_dataset, CheckError, "is not ready"),
        (failed_check, CheckError, "touches the holdout"),
        (taken_down_since, GuardError, "curate it again"),
        (one_class, GuardError, "all 12 rows answer yes"),
        (self_made, GuardError, "12 of 12 rows were written by models"),
        (no_base, GuardError, "import one, or name one with the setting `base`"),
        (merged, GuardError, "adapters are never merged into it"),
    ],
)
def test_what_breaks_a_rule_is_refused(
    layout: Layout,
    base: BaseRecord,
    spoil: Callable[[Layout], None],
    error: type[PipelineError],
    message: str,
) -> None:
    assert base.base_id == "reasoning-4k-base-v1"
    open_round(layout)
    spoil(layout)

    with pytest.raises(error, match=message):
        ready(layout)


def test_a_later_round_without_replay_is_refused(layout: Layout, base: BaseRecord) -> None:
    assert base.gate_1
    open_round(layout)
    open_round(layout, "r02")
    dataset(layout, "sft", [sft_row(number, round="r02") for number in range(12)], round="r02")

    with pytest.raises(GuardError, match="0 of 12 rows are replayed"):
        ready(layout, "scope|r02")

    mixed: list[SftExample] = [*ROWS[:2], *(sft_row(at, round="r02") for at in range(2, 12))]
    dataset(layout, "sft", mixed, round="r02")
    folder = layout.partition("sft_dataset", "scope|r02")

    assert read_record(folder / "manifest.json", DatasetManifest).replayed == 2
    assert ready(layout, "scope|r02")


def test_a_base_on_trial_is_chosen_by_no_role_and_by_no_name(
    layout: Layout, base: BaseRecord, tmp_path: Path
) -> None:
    tuned = bare_model(tmp_path / "tuned", fill=0.25)
    trial = import_base(layout, tuned, role="reasoning", name=f"own{ON_TRIAL}", gate_1="9" * 64)
    open_round(layout)
    dataset(layout, "sft", ROWS)
    kind, record = kind_and_round(layout, "scope|r01")

    assert prepare(layout, kind, record, Choices()).base == base
    with pytest.raises(GuardError, match=f"no base {trial.base_id}"):
        prepare(layout, kind, record, Choices(base=trial.base_id))
    with settled(layout) as book:
        assert list(book.standing.bases) == [base.base_id]


def test_a_base_that_was_never_gated_needs_a_waiver(layout: Layout, tmp_path: Path) -> None:
    import_base(layout, bare_model(tmp_path / "upstream"), role="reasoning", name="own")
    open_round(layout)
    dataset(layout, "sft", ROWS)

    with pytest.raises(GuardError, match="no report of Gate 1's base half"):
        ready(layout)

    open_round(layout, gate_1_base_half="a trial")

    assert "gate_1_base_half waived: a trial" in ready(layout)


def test_a_later_tier_reads_the_round_gates_that_there_are(
    layout: Layout, base: BaseRecord
) -> None:
    assert base.gate_1
    open_round(layout)
    rows = [sft_row(number, call_kind="precision_pass1") for number in range(12)]
    dataset(layout, "sft", rows, kind="precision")

    with pytest.raises(GuardError, match="tier 2 waits until Gate 1 has passed"):
        ready(layout, "precision|r01")

    told = {"round": "r01", "gate_1": "passed", "gate_1_adapters": "not_enough_evidence"}
    report = sample(RoundGateReport).model_copy(update=told)
    path = layout.root / "round_gate" / "r01" / "round_gate.json"
    write_record(path, report)

    with pytest.raises(GuardError, match="tier 2 waits until Gate 1 has passed"):
        ready(layout, "precision|r01")

    write_record(path, report.model_copy(update={"gate_1_adapters": "passed"}))

    assert ready(layout, "precision|r01")


def half(share: float) -> GateReport:
    estimate = Estimate(value=share, low=0.0, high=1.0, clusters=30, method="Wilson")
    figure = ArmFigure(arm="candidate", metric="valid_plans:meta_plan", estimate=estimate)
    return sample(GateReport).model_copy(update={"figures": (figure,)})


def test_preferences_of_plans_read_the_report_beside_the_base(
    layout: Layout, tmp_path: Path
) -> None:
    report = half(0.7)
    model = bare_model(tmp_path / "upstream")
    base = import_base(layout, model, role="reasoning", name="own", gate_1=report.digest())
    open_round(layout, gate_1="a trial")
    dataset(layout, "dpo", [dpo_row(number) for number in range(4)], kind="planning_dpo")

    with pytest.raises(GuardError, match="shows no shortfall"):
        ready(layout, "planning_dpo|r01")

    write_record(layout.bases / base.base_id / "gate_1.json", report)

    assert any(
        note.startswith("planning falls short") for note in ready(layout, "planning_dpo|r01")
    )

    write_record(layout.bases / base.base_id / "gate_1.json", half(0.1))

    with pytest.raises(GuardError, match="the report was changed since"):
        ready(layout, "planning_dpo|r01")


def test_zero_3_is_seen_where_the_launcher_says_it(
    layout: Layout, base: BaseRecord, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert base.architecture == "Qwen3ForCausalLM"
    open_round(layout)
    dataset(layout, "sft", ROWS)
    monkeypatch.setenv("ACCELERATE_DEEPSPEED_ZERO_STAGE", "3")

    with pytest.raises(GuardError, match="ZeRO-3 with LoRA"):
        ready(layout)


@pytest.mark.parametrize(
    ("partition", "error"), [("poetry|r01", GuardError), ("scope|r09", RoundError)]
)
def test_an_unknown_kind_or_round_is_refused(
    layout: Layout, partition: str, error: type[PipelineError]
) -> None:
    open_round(layout)

    with pytest.raises(error):
        kind_and_round(layout, partition)
