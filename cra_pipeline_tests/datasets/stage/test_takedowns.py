"""A source leads to all that descends from it, and nothing of it is used any more."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from cra_pipeline.cli import main
from cra_pipeline.contracts.adapters import AdapterManifest
from cra_pipeline.contracts.commits import CommitRow
from cra_pipeline.contracts.datasets import DatasetManifest, PlanDocumentRow
from cra_pipeline.contracts.gates import HoldoutAttempt
from cra_pipeline.contracts.holdout import HoldoutRow
from cra_pipeline.contracts.manifests import AssetManifest, Input
from cra_pipeline.contracts.registry import LedgerLine
from cra_pipeline.contracts.takedowns import Takedown
from cra_pipeline.contracts.workspace import Layout
from cra_pipeline.datasets.stage.curate import curate
from cra_pipeline.datasets.stage.dataset_files import read_rows
from cra_pipeline.datasets.stage.descent import to_retire
from cra_pipeline.datasets.stage.holders import all_holders, manifest_of
from cra_pipeline.datasets.stage.judge import check_dataset
from cra_pipeline.datasets.stage.lines import changes_of
from cra_pipeline.datasets.stage.takedowns import (
    plan_takedown,
    read_takedowns,
    take_down,
    takedown_rule,
)
from cra_pipeline.datasets.takedown import taken_down
from cra_pipeline.errors import DatasetError
from cra_pipeline.integrations.files import append_journal, read_record, read_table, write_record
from cra_pipeline_tests.contracts.regenerate import example
from cra_pipeline_tests.datasets.conftest import CODE, SCOPE
from cra_pipeline_tests.datasets.worlds import World, table

pytestmark = pytest.mark.slow


def command(layout: Layout, *arguments: str) -> Result:
    return CliRunner(env={"CRA_PIPELINE_HOME": str(layout.root)}).invoke(main, arguments)


def rows_of(record: Takedown) -> dict[str, tuple[str, ...]]:
    return {item.holder: item.rows for item in record.descendants}


def adapter(path: Path, *datasets: str) -> None:
    """The manifest of an adapter that was trained on datasets of these contents."""
    filled = example(AdapterManifest)
    assert isinstance(filled, AdapterManifest)
    inputs = tuple(Input(name=f"dataset {name[:4]}", content_id=name) for name in datasets)
    recipe = filled.recipe.model_copy(update={"datasets": inputs})
    write_record(path / "adapter.json", filled.model_copy(update={"recipe": recipe}))


def ledger(layout: Layout, *lines: Mapping[str, object]) -> None:
    filled = example(LedgerLine)
    for number, fields in enumerate(lines):
        row = filled.model_copy(update={"number": number, "datasets": (), **fields})
        append_journal(layout.registry / "ledger.jsonl", row)


@pytest.mark.parametrize("digits", [7, 12, 40])
def test_a_commit_is_taken_down_by_the_first_digits_of_its_id(made: World, digits: int) -> None:
    row = next(read_rows(made.layout, SCOPE))
    record = plan_takedown(made.layout, row.origin.sha[:digits])
    expected = {
        holder.name: {
            found.example_id for found in holder.rows() if found.origin.sha == record.target
        }
        for holder in all_holders(made.layout)
    }

    assert (record.target, record.patch_ids) == (row.origin.sha, (row.origin.patch_id,))
    assert {name: {*ids} for name, ids in rows_of(record).items()} == {
        name: ids for name, ids in expected.items() if ids
    }
    assert row.example_id in rows_of(record)["sft_dataset/scope/r02"]


def test_a_commit_goes_by_the_id_of_its_change_too(made: World) -> None:
    origin = next(read_rows(made.layout, SCOPE)).origin
    by_change = plan_takedown(made.layout, origin.patch_id[:10])

    assert by_change.commits == (origin.sha,)
    assert rows_of(by_change) == rows_of(plan_takedown(made.layout, origin.sha))


def test_a_commit_without_rows_is_known_by_its_change_from_git(world: World) -> None:
    sha = world.shas["alder"][-1]
    write_commits(world, {item: (item,) for item in world.shas["alder"]})
    record = plan_takedown(world.layout, sha[:9])

    assert record.target == sha
    assert record.patch_ids == (changes_of(world.layout, "alder", [sha])[sha],)
    assert record.descendants == ()


def test_a_commit_within_a_joined_change_takes_the_change_with_it(world: World) -> None:
    row = next(item for item in read_rows(world.layout, SCOPE) if item.origin.repo == "alder")
    other = world.shas["alder"][0]
    write_commits(world, {row.origin.sha: (other, row.origin.sha)})

    record = plan_takedown(world.layout, other)
    assert row.origin.sha in record.commits
    assert row.example_id in rows_of(record)["sft_dataset/scope/r02"]


def write_commits(world: World, windows: dict[str, tuple[str, ...]]) -> None:
    filled = example(CommitRow)
    rows = [
        filled.model_copy(update={"repo": "alder", "sha": sha, "window": window})
        for sha, window in windows.items()
    ]
    table(world.layout, "commits", "alder", rows, CommitRow)


def test_a_repository_goes_with_all_its_rows_under_any_name(made: World) -> None:
    record = plan_takedown(made.layout, "alder")
    rows = list(read_rows(made.layout, SCOPE))
    gone = {row.example_id for row in rows if row.origin.repo == "alder"}
    rule = taken_down([record])
    own = next(row.origin for row in rows if row.origin.repo == "alder")
    renamed = own.model_copy(update={"repo": "fork"})

    assert {*rows_of(record)["sft_dataset/scope/r02"]} == gone
    assert rule.fault(renamed.model_copy(update={"patch_id": ""})) == "taken_down"
    assert rule.fault(renamed.model_copy(update={"sha": "0" * 40})) == "taken_down"


def test_a_licence_goes_with_all_that_is_under_it(made: World) -> None:
    record = plan_takedown(made.layout, "mit")

    assert len(rows_of(record)["sft_dataset/scope/r02"]) == 56
    assert "round_increment/r01" in rows_of(record)


def test_what_was_trained_from_the_rows_is_named_and_nothing_else(world: World) -> None:
    layout = world.layout
    sha = next(read_rows(layout, SCOPE)).origin.sha
    hit, other = (manifest_of(layout, cell).content_id for cell in (SCOPE, CODE))
    for place, content in (
        ("scope/r02", hit),
        ("execute_code/r01", other),
        ("scope/r01", "f" * 64),
    ):
        adapter(layout.root / "adapter" / place, content)
    adapter(layout.adapter_version("scope-v9"), hit)
    scope = {"act": "registered", "adapter_kind": "scope", "datasets": (hit,)}
    code = {"act": "registered", "adapter_kind": "execute_code", "datasets": (other,)}
    ledger(
        layout,
        {**scope, "version": "scope-v1"},
        {**scope, "version": "scope-v2", "datasets": (other,)},
        {**code, "version": "execute_code-v1"},
    )
    record = plan_takedown(layout, sha)

    assert record.adapters == ("adapter/scope/r02",)
    assert record.versions == ("scope-v1", "scope-v9")
    assert record.unsure == ("adapter/scope/r01",)


def test_an_adapter_descends_from_its_dataset_though_that_was_curated_again(world: World) -> None:
    layout = world.layout
    curate(layout, SCOPE)
    before = manifest_of(layout, SCOPE).content_id
    sha = next(read_rows(layout, SCOPE)).origin.sha
    adapter(layout.root / "adapter/scope/r02", before)
    take_down(layout, plan_takedown(layout, sha))
    curate(layout, SCOPE)

    record = plan_takedown(layout, sha)
    assert manifest_of(layout, SCOPE).content_id != before
    assert "sft_dataset/scope/r02" not in rows_of(record)
    assert rows_of(record)["sft_dataset/scope/r02 (replaced)"]
    assert record.adapters == ("adapter/scope/r02",)


def test_a_version_that_serves_is_rolled_back_and_retired_by_name(world: World) -> None:
    layout = world.layout
    sha = next(read_rows(layout, SCOPE)).origin.sha
    hit = manifest_of(layout, SCOPE).content_id
    scope = {"adapter_kind": "scope", "datasets": (hit,)}
    ledger(
        layout,
        *({**scope, "act": "registered", "version": f"scope-v{number}"} for number in (1, 2, 3)),
        {**scope, "act": "promotion_done", "version": "scope-v1"},
        {**scope, "act": "promotion_done", "version": "scope-v3"},
        {**scope, "act": "retired", "version": "scope-v2"},
    )
    said = command(layout, "takedown", sha).stdout

    assert to_retire(layout, ["scope-v1", "scope-v2", "scope-v3"]) == (
        "cra-pipeline retire scope-v1",
        "cra-pipeline rollback scope",
        "cra-pipeline retire scope-v3",
    )
    assert "it must not serve: cra-pipeline retire scope-v3" in said
    assert "scope-v2" in said
    assert "retire scope-v2" not in said


def test_a_bundle_goes_with_the_increments_and_plans_that_it_was_made_of(world: World) -> None:
    layout = world.layout
    sha = next(row for row in read_rows(layout, SCOPE) if row.round == "r02").origin.sha
    for name in ("r01", "r02"):
        increment = read_record(layout.manifest("round_increment", name), AssetManifest)
        bundle = increment.model_copy(
            update={
                "asset": "base_bundle",
                "inputs": (Input(name=f"round_increment/{name}", content_id=increment.content_id),),
            }
        )
        write_record(layout.manifest("base_bundle", name), bundle)

    assert plan_takedown(layout, sha).adapters == ("base_bundle/r02",)


def test_plans_and_attempts_on_the_holdout_descend_too(world: World) -> None:
    layout = world.layout
    held = read_table(layout.table("holdout", "r02"), HoldoutRow)
    judged = next(row for row in held if row.task_id)
    attempt, plan = example(HoldoutAttempt), example(PlanDocumentRow)
    rows = [attempt.model_copy(update={"task_id": judged.task_id, "repo": judged.repo})]
    table(layout, "holdout_attempts", "scope|r02", rows, HoldoutAttempt)
    told = {"repo": "alder", "sha": world.shas["alder"][0], "path": "PLAN.md", "licence": "MIT"}
    table(layout, "plan_documents", "r01", [plan.model_copy(update=told)], PlanDocumentRow)

    by_attempt = rows_of(plan_takedown(layout, judged.sha))
    assert by_attempt["holdout_attempts/scope/r02"] == (attempt.attempt_id,)  # type: ignore[attr-defined]  # of its shape
    by_plan = rows_of(plan_takedown(layout, world.shas["alder"][0]))
    assert by_plan["plan_documents/r01"] == (f"{world.shas['alder'][0][:12]}:PLAN.md",)


@pytest.mark.parametrize(
    ("target", "aim", "words"),
    [
        ("nonsense", None, r"nonsense: no repository \(alder, birch"),
        ("nonsense", "repo", "no such repository"),
        ("MIT OR Apache-2.0", None, r"names 2 licences \(apache-2.0, mit\).*name one"),
        ("abcdef", "commit", "7 to 40 hexadecimal"),
        ("0000000", "commit", "no known commit begins so"),
    ],
)
def test_a_target_that_means_nothing_is_refused(
    made: World, target: str, aim: str | None, words: str
) -> None:
    with pytest.raises(DatasetError, match=words):
        plan_takedown(made.layout, target, aim=aim)  # type: ignore[arg-type]  # a literal


def test_a_target_that_means_two_things_asks_which(world: World) -> None:
    (world.layout.root / "repo_snapshots" / "mit").mkdir()
    (world.layout.root / "repo_snapshots" / "mit" / "asset.json").write_text("{}")

    with pytest.raises(DatasetError, match="a repo or a licence: say which with --as"):
        plan_takedown(world.layout, "mit")
    assert plan_takedown(world.layout, "mit", aim="licence").licences == ("mit",)


def test_a_tombstone_stays_and_deletes_nothing(world: World) -> None:
    sha = next(read_rows(world.layout, SCOPE)).origin.sha
    before = SCOPE.file(world.layout).read_bytes()
    tried = command(world.layout, "takedown", sha, "--dry-run")
    none = read_takedowns(world.layout)
    first = command(world.layout, "takedown", sha, "--reason", "asked for by its author")
    again = command(world.layout, "takedown", sha, "--reason", "asked for by its author", "--json")

    assert (tried.exit_code, none) == (0, ())
    assert (first.exit_code, again.exit_code) == (0, 0), first.output
    (record,) = read_takedowns(world.layout)
    assert record == Takedown.parse_json(again.stdout, where="printed")
    assert record.reason == "asked for by its author"
    assert SCOPE.file(world.layout).read_bytes() == before
    rule, inputs = takedown_rule(world.layout)
    assert [item.content_id for item in inputs] == [record.digest()]
    rows = list(read_rows(world.layout, SCOPE))
    gone = {row.example_id for row in rows if rule.fault(row.origin)}
    assert gone == {row.example_id for row in rows if row.origin.sha == sha} != set()


def test_a_dataset_built_afterwards_holds_none_of_it_and_an_older_one_stays(world: World) -> None:
    layout = world.layout
    sha = next(read_rows(layout, SCOPE)).origin.sha
    take_down(layout, plan_takedown(layout, sha))
    rule, tombstones = takedown_rule(layout)
    held = [row for row in read_rows(layout, SCOPE) if rule.fault(row.origin)]
    refused = check_dataset(layout, SCOPE)

    curate(layout, SCOPE)
    assert held
    assert not refused.passed
    assert all("taken_down" in finding for finding in refused.findings)
    assert not [row for row in read_rows(layout, SCOPE) if rule.fault(row.origin)]
    manifest = read_record(SCOPE.folder(layout) / "manifest.json", DatasetManifest)
    assert {*tombstones} <= {*manifest.inputs}
    assert check_dataset(layout, SCOPE).passed
    assert "sft_dataset/scope/r02" not in rows_of(plan_takedown(layout, sha))
