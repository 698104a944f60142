"""Rounds from the shell: what is frozen, what came of it, and what is advised."""

from __future__ import annotations

import json

import pytest
from click.testing import CliRunner, Result

from cra_pipeline.cli import main
from cra_pipeline.contracts.workspace import Layout
from cra_pipeline.corpus.stage import read_rounds
from cra_pipeline_tests.registry.databases import active
from cra_pipeline_tests.registry.worlds import World

OPEN = ("round", "open", "--repo", "attrs", "--held-out", "attrs")


def command(*arguments: str) -> Result:
    return CliRunner().invoke(main, list(arguments))


def test_a_round_freezes_what_serves_and_what_is_waived(layout: Layout) -> None:
    World(layout=layout).serve()

    result = command(*OPEN, "--cut-off", "2024-05-01", "--waive", "gate_1_base_half=demo base")

    assert result.exit_code == 0, result.output
    assert "gates of r01 compare with scope-v1" in result.output
    assert "waived in r01: gate_1_base_half: demo base" in result.output
    (record,) = read_rounds(layout)
    assert record.incumbents == (("scope", "scope-v1"),)
    assert record.waivers == (("gate_1_base_half", "demo base"),)


@pytest.mark.usefixtures("layout")
@pytest.mark.parametrize("text", ["gate_1_base_half", "gate_1_base_half=", "least:colour=why"])
def test_a_waiver_without_a_reason_is_wrong_use(text: str) -> None:
    assert command(*OPEN, "--waive", text).exit_code == 2


def test_two_rounds_without_a_gain_end_in_advice(layout: Layout) -> None:
    world = World(layout=layout)
    for name, day in (("r01", "2024-05-01"), ("r02", "2024-06-01")):
        command(*OPEN, "--cut-off", day)
        world.gated(round_name=name, decision="failed")
        world.entered("scope", name)

    first, second = command("round", "close", "r01"), command("round", "close", "r02", "--json")
    again = command("round", "close", "r02", "--json")

    assert first.exit_code == 0, first.output
    assert "scope-v1" in first.output
    assert "refused" in first.output
    found = json.loads(second.output)
    assert found["plateau"] == ["scope"]
    assert "no significant gain in r01 and r02: open the next round with new" in found["advice"][0]
    assert again.output == second.output


@pytest.mark.slow
def test_an_entry_is_run_from_the_shell_and_its_check_tells_an_override(layout: Layout) -> None:
    world = World(layout=layout)
    world.serve()
    # Its attempts are not there, so that the gates have nothing to say of an incumbent; and the
    # first round alone is known to Dagster for as long as a process lives.
    world.incumbents.clear()
    command(*OPEN, "--cut-off", "2024-05-01")
    world.gated(decision="failed")
    world.entered("scope", "r01")
    command("promote", "scope", "scope-v2", "--override", "just once")
    entry = ("run", "registry_entry", "--kind", "scope", "--round", "r01")

    first, again = command(*entry), command(*entry)

    assert first.exit_code == 1
    assert "scope-v2 was rolled back to scope-v1" in " ".join(first.output.split())
    assert again.exit_code == 0, again.output
    assert active(layout) == "scope-v1"


def test_the_status_tells_what_serves_and_what_is_closed(layout: Layout) -> None:
    world = World(layout=layout)
    command(*OPEN, "--cut-off", "2024-05-01")
    world.serve()
    before = command("round", "status")
    command("round", "close", "r01")
    after = command("round", "status")
    told = json.loads(command("round", "status", "--json").output)

    assert "gates of r01 compare with the base alone" in before.output
    assert "still open: cra-pipeline round close r01" in before.output
    assert "in service now: scope-v1" in after.output
    assert "promoted" in after.output
    assert max(map(len, after.output.splitlines())) <= 100
    assert told["active"] == {"scope": "scope-v1"}
    assert told["closing"]["kinds"][0]["ending"] == "promoted"


@pytest.mark.usefixtures("layout")
def test_a_round_that_is_not_open_cannot_be_closed() -> None:
    result = command("round", "close", "r01")

    assert result.exit_code == 1
    assert "r01 was never opened" in result.output


def test_a_round_whose_cut_off_comes_after_all_its_commits_says_so(layout: Layout) -> None:
    arguments = ("round", "open", "--repo", "attrs", "--repo", "svcs", "--held-out", "attrs")
    early = command(*arguments, "--cut-off", "2020-05-01")
    late = command(*arguments, "--cut-off", "2099-05-01")

    assert (early.exit_code, late.exit_code) == (0, 0), late.output
    assert "holdout in time" not in early.output
    assert "note: the holdout in time of r02 is empty: it pins no commit after its" in late.output
    assert len(read_rounds(layout)) == 2
