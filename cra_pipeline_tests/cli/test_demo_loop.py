"""The demo's second half: what it makes in which order, and how its second round is opened."""

from __future__ import annotations

from pathlib import Path

import click
import pytest

from cra_pipeline.cli.demo_loop import require_shown, round_cells, second_round
from cra_pipeline.contracts.gates import Decision
from cra_pipeline.contracts.workspace import Layout
from cra_pipeline.corpus.recipes import TINY_WAIVERS
from cra_pipeline.corpus.stage import ensure_first_round, read_rounds, seed_tiny
from cra_pipeline_tests.registry.worlds import World


def test_a_round_ends_in_the_registry_after_its_gates() -> None:
    names = [cell.asset for cell in round_cells("r01")]
    order = ("holdout", "sft_dataset", "adapter", "holdout_attempts", "gate_report", "round_gate")

    assert [name for name in names if name in order] == list(order)
    assert names[-1] == "registry_entry"


def test_the_second_round_is_opened_once_and_says_what_it_goes_without(tmp_path: Path) -> None:
    layout = Layout(tmp_path)
    seed_tiny(layout)
    first = ensure_first_round(layout)
    second = second_round(layout)

    assert first.waivers == second.waivers == TINY_WAIVERS
    assert second.cut_off > first.cut_off
    assert second.held_out == first.held_out
    assert second.pins == first.pins
    assert second_round(layout) == second
    assert len(read_rounds(layout)) == 2


@pytest.mark.parametrize("decision", ["passed", "failed", "not_enough_evidence"])
def test_a_gate_that_shows_something_else_ends_the_demo(tmp_path: Path, decision: Decision) -> None:
    layout = Layout(tmp_path)
    World(layout=layout).gated(decision=decision)

    for promoted, shown in ((True, "passed"), (False, "failed")):
        if decision == shown:
            require_shown(layout, "r01", promoted=promoted)
            continue
        with pytest.raises(click.ClickException, match=f"r01 came to {decision}, expected that it"):
            require_shown(layout, "r01", promoted=promoted)
