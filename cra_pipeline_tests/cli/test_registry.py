"""The registry from the shell: words, exit status, and a page of a hundred columns."""

from __future__ import annotations

import json
import shutil

import pytest
from click.testing import CliRunner, Result

from cra_pipeline.cli import main
from cra_pipeline.contracts.gates import PairedChange
from cra_pipeline.contracts.workspace import Layout
from cra_pipeline_tests.registry.databases import active
from cra_pipeline_tests.registry.worlds import World, estimate


@pytest.fixture
def world(layout: Layout) -> World:
    """Two versions served, a third one was refused."""
    world = World(layout=layout)
    world.serve()
    world.serve(round_name="r02")
    world.gated(round_name="r03", decision="failed")
    world.entered("scope", "r03")
    return world


def command(*arguments: str) -> Result:
    return CliRunner().invoke(main, list(arguments))


def test_the_history_fits_a_hundred_columns(world: World) -> None:
    world.serve("planning_dpo")
    result = command("registry")

    assert result.exit_code == 0, result.output
    assert max(map(len, result.output.splitlines())) <= 100
    for words in ("scope-v2", "a rollback leads to scope-v1", "promotion done", "gate failed:"):
        assert words in " ".join(result.output.split())


def test_a_program_reads_versions_and_history(world: World) -> None:
    world.serve("precision")
    found = json.loads(command("registry", "--kind", "scope", "--json").output)

    assert found["active"] == {"scope": "scope-v2"}
    assert [(row["version"], row["state"]) for row in found["versions"]] == [
        ("scope-v1", "archived"), ("scope-v2", "active"), ("scope-v3", "refused"),
    ]  # fmt: skip
    assert {line["adapter_kind"] for line in found["history"]} == {"scope"}


@pytest.mark.usefixtures("layout")
def test_an_empty_registry_says_what_comes_first() -> None:
    result = command("registry")

    assert result.exit_code == 0
    assert "cra-pipeline run registry_entry" in result.output


def test_rollback_and_promotion_say_what_serves(world: World) -> None:
    back = command("rollback", "scope", "--reason", "too slow")
    again = command("promote", "scope", "scope-v2")

    assert (back.exit_code, again.exit_code) == (0, 0), again.output
    assert back.output == "scope: scope-v1 serves (before: scope-v2)\n"
    assert again.output == "scope: scope-v2 serves (before: scope-v1)\n"
    assert active(world.layout) == "scope-v2"


def test_a_refusal_says_why_and_what_to_do(world: World) -> None:
    result = command("promote", "scope", "scope-v3")

    assert result.exit_code == 1
    assert "scope-v3 is not promoted: gate failed" in result.output
    assert "--override REASON" in result.output
    assert active(world.layout) == "scope-v2"


def test_an_override_is_told_and_stands_in_the_history_with_who_did_it(world: World) -> None:
    result = command("promote", "scope", "scope-v3", "--override", "just\n once")

    assert result.exit_code == 0
    assert "the next check of registry_entry rolls it back" in result.output
    history = json.loads(command("registry", "--json").output)["history"]
    assert history[-1]["reason"].endswith(": just once")
    assert history[-1]["override"] is True
    assert active(world.layout) == "scope-v3"


def test_retiring_is_refused_for_what_serves(world: World) -> None:
    refused = command("retire", "scope-v2")
    done = command("retire", "scope-v1", "--reason", "licence")

    assert (refused.exit_code, done.exit_code) == (1, 0)
    assert "cra-pipeline rollback scope" in refused.output
    assert active(world.layout) == "scope-v2"


@pytest.mark.usefixtures("layout")
@pytest.mark.parametrize(
    ("arguments", "status"),
    [
        (["promote", "scope"], 2),
        (["promote", "colour", "scope-v1"], 2),
        (["promote", "scope", "scope"], 2),
        (["promote", "scope", "colour-v1"], 2),
        (["promote", "scope", "scope-v1", "--override", " "], 2),
        (["rollback", "colour"], 2),
        (["retire", "scope-v0"], 2),
        (["registry", "--kind", "colour"], 2),
        (["promote", "scope", "scope-v1"], 1),
        (["promote", "precision", "scope-v1"], 1),
        (["rollback", "scope"], 1),
        (["retire", "scope-v1"], 1),
        (["run", "registry_entry", "--kind", "scope", "--round", "r09"], 1),
        (["run", "round_gate", "--round", "r09"], 1),
        (["run", "registry_entry", "--kind", "scope"], 2),
        (["run", "registry_entry", "--round", "r01", "--repo", "attrs"], 2),
    ],
    ids=str,
)
def test_wrong_use_ends_with_two_and_refusals_with_one(arguments: list[str], status: int) -> None:
    result = command(*arguments)

    assert result.exit_code == status
    assert "Traceback" not in result.output


def test_versions_are_shown_with_what_their_gate_found(world: World) -> None:
    change = PairedChange(
        metric="relevant_recall", against="base", estimate=estimate(0.3, 0.2, 0.4),
        p_value=0.001, test="exact McNemar", won=(), lost=(),
    )  # fmt: skip
    world.add_base("reasoning-32k-base-v1", "c" * 64)
    world.base = "c" * 64
    world.gated("planning_dpo", changes=(change,))
    world.entered("planning_dpo", "r01")
    shutil.rmtree(world.layout.adapter_version("scope-v1"))
    result = command("show", "adapters")
    rows = {line.split()[0]: line for line in result.output.splitlines()}

    assert result.exit_code == 0, result.output
    assert max(map(len, result.output.splitlines())) <= 100
    for words in ("r01", "active", "relevant_recall", "90.0", "+30.0 (+20.0 to +40.0)"):
        assert words in " ".join(result.output.split())
    assert "its files are lost" in rows["scope-v1"]
    told = [json.loads(line) for line in command("show", "adapters", "--json").output.splitlines()]
    assert [row["version"] for row in told] == [
        "planning_dpo-v1", "scope-v1", "scope-v2", "scope-v3",
    ]  # fmt: skip
    assert (told[0]["over"], told[0]["gain"]["estimate"]["low"]) == ("the base", 0.2)


def test_the_status_names_what_serves_and_each_kinds_last_gate(world: World) -> None:
    before = world.layout.curated_db.read_bytes()
    output = command("status").output

    assert "scope: scope-v2 serves; last gate: r03 failed" in output
    assert world.layout.curated_db.read_bytes() == before


@pytest.mark.usefixtures("layout")
def test_without_a_version_that_is_said() -> None:
    assert "no version is registered" in command("show", "adapters").output
