"""Datasets from tables to checked files, and what the check finds where they were tampered with."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from cra_pipeline.contracts.datasets import CandidateRow, DatasetManifest, example_id
from cra_pipeline.contracts.manifests import AssetManifest
from cra_pipeline.contracts.rounds import RoundRecord
from cra_pipeline.contracts.takedowns import Takedown
from cra_pipeline.contracts.workspace import Layout
from cra_pipeline.datasets.length import CharacterCounter, LengthPolicy, tokens
from cra_pipeline.datasets.policy import CurationPolicy
from cra_pipeline.datasets.replay import ReplayPolicy
from cra_pipeline.datasets.stage.court import court_of
from cra_pipeline.datasets.stage.curate import Spool, curate, fill
from cra_pipeline.datasets.stage.dataset_files import Cell, read_rows
from cra_pipeline.datasets.stage.holdout import keep_out
from cra_pipeline.datasets.stage.increments import add_round
from cra_pipeline.datasets.stage.judge import check_dataset
from cra_pipeline.datasets.stage.pools import check_pool, gather_pool
from cra_pipeline.datasets.stage.turn import prepare_round
from cra_pipeline.errors import DatasetError, StoreError
from cra_pipeline.integrations.files import read_record, read_table, write_record
from cra_pipeline_tests.datasets.conftest import CODE, SCOPE
from cra_pipeline_tests.datasets.worlds import (
    DOMAINS,
    HELD_OUT,
    World,
    grow,
    hour,
    register,
    table,
    work,
)
from cra_pipeline_tests.integrations.raw_db.databases import empty_database, rows

pytestmark = pytest.mark.slow

Lines = list[dict[str, Any]]


def bytes_of(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_a_dataset_holds_its_replay_and_no_domain_rules_it(made: World) -> None:
    manifest = read_record(SCOPE.folder(made.layout) / "manifest.json", DatasetManifest)
    listed = list(read_rows(made.layout, SCOPE))

    assert manifest.rows == len(listed) == 56
    assert manifest.replayed == sum(row.round == "r01" for row in listed) == 8
    assert {item.label for item in manifest.by_domain} == set(DOMAINS.values())
    assert max(item.count for item in manifest.by_domain) <= 56 // 5
    assert {row.origin.source for row in listed} == {"synthetic"}


def test_a_row_leads_back_to_its_commit_attempt_and_call(made: World) -> None:
    row = next(read_rows(made.layout, SCOPE))

    assert row.origin.sha in made.shas[row.origin.repo]
    assert row.origin.domain == DOMAINS[row.origin.repo]
    assert row.origin.committed_at == hour(made.shas[row.origin.repo].index(row.origin.sha))
    assert len(row.origin.patch_id) == 40
    assert row.origin.call_number in range(4)


def test_the_same_evidence_in_another_folder_gives_the_same_bytes(
    made: World, world: World
) -> None:
    for cell in (SCOPE, CODE):
        curate(world.layout, cell)

        assert bytes_of(cell.folder(world.layout)) == bytes_of(cell.folder(made.layout))


def test_held_out_repositories_and_failed_code_are_no_candidates(made: World) -> None:
    offered = read_table(made.layout.table("round_increment", "r01"), CandidateRow)
    manifest = read_record(made.layout.manifest("round_increment", "r01"), AssetManifest)
    counts = {item.label: item.count for item in manifest.counts}

    assert {row.origin.repo for row in offered} == set(DOMAINS)
    assert counts["sft implement: attempt_failed"] == counts["sft implement: candidate"] == 18
    assert counts["dpo scope: no_dpo_kind"] == 18
    assert counts["dpo implement: candidate"] == 18


def test_newer_and_back_dated_commits_leave_an_older_round_as_it_was(
    made: World, world: World
) -> None:
    for repo in DOMAINS:
        grow(world, repo, later=[hour(9), hour(1)])
        work(world, repo, "r01", range(3))
    prepare_round(world.layout, "r02")
    for cell in (SCOPE, CODE):
        curate(world.layout, cell)

        assert check_dataset(world.layout, cell).passed
        assert cell.file(world.layout).read_bytes() == cell.file(made.layout).read_bytes()


def tampered(layout: Layout, cell: Cell, edit: Callable[[Lines], None]) -> list[str]:
    """Findings of the check after the rows were edited and the manifests made to fit."""
    path = cell.file(layout)
    rows = [json.loads(line) for line in path.read_text("utf-8").splitlines()]
    edit(rows)
    for row in rows:
        answers = [row["completion"]] if cell.form == "sft" else [row["chosen"], row["rejected"]]
        texts = [message["content"] for part in (row["prompt"], *answers) for message in part]
        row["example_id"] = example_id(row["adapter_kind"], *texts)
    lines = [json.dumps(row, sort_keys=True, ensure_ascii=False) for row in rows]
    path.write_text("".join(f"{line}\n" for line in lines), "utf-8")
    digest = {"content_id": hashlib.sha256(path.read_bytes()).hexdigest()}
    for name, record in (("manifest.json", DatasetManifest), ("asset.json", AssetManifest)):
        manifest = read_record(path.with_name(name), record)
        write_record(path.with_name(name), manifest.model_copy(update=digest))
    return list(check_dataset(layout, cell).findings)


def first_of(rows: Lines, round_name: str = "r02") -> dict[str, Any]:
    return next(row for row in rows if row["round"] == round_name)


def test_a_held_out_commit_that_slipped_in_is_found(world: World) -> None:
    def slip(rows: Lines) -> None:
        first_of(rows)["origin"]["sha"] = world.shas[HELD_OUT][1]

    found = tampered(world.layout, SCOPE, slip)

    assert any("held_out_commit: " in item for item in found)


def test_a_held_out_repository_that_slipped_in_is_found(world: World) -> None:
    def slip(rows: Lines) -> None:
        first_of(rows)["origin"] |= {"repo": HELD_OUT, "sha": world.shas[HELD_OUT][1]}

    assert any("held_out_repository: oak" in item for item in tampered(world.layout, SCOPE, slip))


def test_a_held_out_repository_under_another_name_gives_no_candidate(world: World) -> None:
    renamed(world)
    add_round(world.layout, "r01")
    manifest = read_record(world.layout.manifest("round_increment", "r01"), AssetManifest)
    counts = {item.label: item.count for item in manifest.counts}
    offered = read_table(world.layout.table("round_increment", "r01"), CandidateRow)

    assert counts["sft scope: held_out_commit"] == 24
    assert "quercus" not in {row.origin.repo for row in offered}


def test_a_held_out_repository_under_another_name_is_found(world: World) -> None:
    renamed(world)

    def slip(rows: Lines) -> None:
        first_of(rows, "r01")["origin"] |= {"repo": "quercus", "sha": world.shas[HELD_OUT][1]}

    found = tampered(world.layout, SCOPE, slip)

    assert any("held_out_commit: quercus" in item for item in found)


def renamed(world: World) -> None:
    """List the held-out repository's history in round one under a second name too."""
    world.shas["quercus"] = world.shas[HELD_OUT]
    source, target = (world.layout.snapshot(name) for name in (HELD_OUT, "quercus"))
    target.parent.mkdir(parents=True)
    target.symlink_to(source)
    register(world, "quercus", "parsing")
    (world.layout.rounds / "r01.json").unlink()
    world.open("r01", upto=5, hours=2)
    work(world, "quercus", "r01", range(3))


def test_a_commit_beyond_the_pin_is_found_whatever_its_date_says(world: World) -> None:
    grow(world, "elm", later=[hour(1)])

    def slip(rows: Lines) -> None:
        origin = next(row for row in rows if row["origin"]["repo"] == "elm")["origin"]
        origin |= {"sha": world.shas["elm"][-1], "committed_at": hour(1)}

    found = tampered(world.layout, SCOPE, slip)

    assert any("not_reached_by_pin: elm" in item for item in found)


def test_a_back_dated_commit_on_top_of_later_ones_is_found(world: World) -> None:
    grow(world, "elm", later=[hour(1)])
    (world.layout.rounds / "r02.json").unlink()
    world.open("r02", upto=-1, hours=4)

    def slip(rows: Lines) -> None:
        origin = next(row for row in rows if row["origin"]["repo"] == "elm")["origin"]
        origin |= {"sha": world.shas["elm"][-1], "committed_at": hour(1)}

    found = tampered(world.layout, SCOPE, slip)

    assert any("built_on_later_commit: elm" in item for item in found)


def test_a_commit_after_the_cut_off_is_found(world: World) -> None:
    def slip(rows: Lines) -> None:
        origin = first_of(rows)["origin"]
        origin |= {"sha": world.shas[origin["repo"]][5], "committed_at": hour(4)}

    assert any("after_cut_off" in item for item in tampered(world.layout, SCOPE, slip))


def test_a_row_that_says_another_round_is_found(world: World) -> None:
    def slip(rows: Lines) -> None:
        first_of(rows)["round"] = "r01"

    found = tampered(world.layout, SCOPE, slip)

    assert any("after_cut_off" in item for item in found)


def test_one_changed_character_in_a_prompt_is_found(world: World) -> None:
    def slip(rows: Lines) -> None:
        text = rows[0]["prompt"][1]["content"]
        rows[0]["prompt"][1]["content"] = text.replace("OS: Linux", "OS: linux")

    found = tampered(world.layout, SCOPE, slip)

    assert any(
        "its prompt is not what was logged (first difference at character 18)" in item
        for item in found
    )


def test_one_changed_character_in_an_answer_of_a_pair_is_found(world: World) -> None:
    def slip(rows: Lines) -> None:
        rows[0]["rejected"][0]["content"] += " "

    found = tampered(world.layout, CODE, slip)

    assert any("its rejected answer is not what attempt" in item for item in found)


def test_a_turned_answer_is_found(world: World) -> None:
    def slip(rows: Lines) -> None:
        said = rows[0]["completion"][0]
        said["content"] = "no" if said["content"] == "yes" else "yes"

    found = tampered(world.layout, SCOPE, slip)

    assert any("neither the logged answer nor the right one" in item for item in found)


def test_a_duplicate_under_another_name_is_found(world: World) -> None:
    def slip(rows: Lines) -> None:
        copy = json.loads(json.dumps(rows[0]))
        copy["prompt"][1]["content"] = copy["prompt"][1]["content"].replace("\n", " \n")
        copy["origin"] |= {"repo": "elm", "sha": world.shas["elm"][0], "patch_id": ""}
        rows.append(copy)

    found = tampered(world.layout, SCOPE, slip)

    assert any(item.endswith(": duplicate") for item in found), "\n".join(found)


def test_a_change_under_another_commit_id_is_found(world: World) -> None:
    def slip(rows: Lines) -> None:
        rows[1]["origin"]["patch_id"] = rows[0]["origin"]["patch_id"]
        rows[1]["origin"]["sha"] = "1" * 40

    found = tampered(world.layout, SCOPE, slip)

    assert any("same_change" in item for item in found)


def test_thirty_percent_of_replay_is_found(world: World) -> None:
    curate(world.layout, SCOPE, policy=CurationPolicy(replay=ReplayPolicy(ratio=0.3, most=0.35)))
    found = check_dataset(world.layout, SCOPE).findings

    assert any("20 replayed rows beside 48 new ones are 29.4%" in item for item in found)


def test_replay_that_is_not_spread_is_found(world: World) -> None:
    found = tampered(world.layout, SCOPE, lambda rows: rows.sort(key=lambda row: str(row["round"])))

    assert found == ["rows 1 to 20 hold 8 replayed ones, expected 2 to 4"]


def test_a_domain_with_half_of_the_rows_is_found(world: World) -> None:
    def slip(rows: Lines) -> None:
        elm = [row for row in rows if row["origin"]["repo"] == "elm"]
        rows[:] = elm + [row for row in rows if row["origin"]["repo"] != "elm"][: len(elm)]

    found = tampered(world.layout, SCOPE, slip)

    assert any(
        item.startswith("domain database: ") and "rows (50.0%), at most 20% may be" in item
        for item in found
    )


def test_what_was_taken_down_is_left_out_and_an_older_dataset_fails_its_check(world: World) -> None:
    sha = world.shas["elm"][3]
    tombstone = Takedown(
        by="commit", target=sha, reason="", repos=(), licences=(), commits=(sha,),
        patch_ids=(), descendants=(), adapters=(),
    )  # fmt: skip
    write_record(world.layout.root / "takedowns" / f"{tombstone.name}.json", tombstone)
    before = check_dataset(world.layout, SCOPE)
    curate(world.layout, SCOPE)
    manifest = read_record(SCOPE.folder(world.layout) / "manifest.json", DatasetManifest)

    assert not before.passed
    assert all("taken_down: elm" in item for item in before.findings)
    assert check_dataset(world.layout, SCOPE).passed
    assert {item.label: item.count for item in manifest.dropped}["taken_down"] == 4
    assert sha not in {row.origin.sha for row in read_rows(world.layout, SCOPE)}


def test_a_checked_dataset_is_entered_into_the_agents_database_once(world: World) -> None:
    world.layout.raw_db.parent.mkdir()
    empty_database(world.layout.raw_db)
    for cell in (SCOPE, SCOPE, CODE):
        assert check_dataset(world.layout, cell).passed
    found = rows(
        world.layout.raw_db,
        "SELECT task_id, target_stage, stage_name, training_datasets.base_model, example_count, "
        "positive_count, negative_count, dataset_path FROM training_datasets "
        "JOIN training_plans ON training_plans.id = training_plan_id ORDER BY stage_name",
    )

    assert [row[:5] for row in found] == [
        ("curate-data:r01", "execute_code", "execute_code", "coding", 18),
        ("curate-data:r02", "scope", "scope", "classifier", 56),
    ]
    assert sum(found[1][5:7]) == 56
    assert found[1][7].startswith("sft_dataset/scope/r02/sft.jsonl@")


def test_a_dataset_that_fails_is_not_entered(world: World) -> None:
    world.layout.raw_db.parent.mkdir()
    empty_database(world.layout.raw_db)
    tampered(world.layout, SCOPE, lambda lines: lines.append(lines[0]))

    assert not rows(world.layout.raw_db, "SELECT * FROM training_datasets")


def test_a_row_that_does_not_fit_the_window_is_left_out_whole(world: World) -> None:
    longest = max(tokens(row, CharacterCounter()) for row in read_rows(world.layout, SCOPE))
    policy = CurationPolicy(length=LengthPolicy(window=longest - 1))
    curate(world.layout, SCOPE, policy=policy)
    manifest = read_record(SCOPE.folder(world.layout) / "manifest.json", DatasetManifest)

    assert {item.label: item.count for item in manifest.dropped}["too_long"] > 0
    assert check_dataset(world.layout, SCOPE).passed


def test_a_round_that_keeps_nothing_out_is_refused(world: World) -> None:
    record = read_record(world.layout.rounds / "r01.json", RoundRecord)
    changed = {"cut_off": hour(99), "held_out": ()}
    write_record(world.layout.rounds / "r01.json", record.model_copy(update=changed))

    with pytest.raises(DatasetError, match=r"nothing is kept out: the cut-off .* 7 repositories"):
        keep_out(world.layout, "r01")


def test_numbers_that_the_manifest_makes_up_are_found(world: World) -> None:
    path = SCOPE.folder(world.layout) / "manifest.json"
    manifest = read_record(path, DatasetManifest)
    write_record(path, manifest.model_copy(update={"replayed": 9}))

    assert check_dataset(world.layout, SCOPE).findings == (
        "the manifest's replayed is not what the rows come to",
    )


def test_a_broken_line_is_named(world: World) -> None:
    path = SCOPE.file(world.layout)
    path.write_bytes(path.read_bytes()[:-40])

    with pytest.raises(StoreError, match=r"sft\.jsonl:56: SftExample"):
        check_dataset(world.layout, SCOPE)


def test_what_an_earlier_round_said_already_is_its_row_and_is_not_lost(
    made: World, world: World
) -> None:
    layout = world.layout
    first, second = (
        read_table(layout.table("round_increment", name), CandidateRow) for name in ("r01", "r02")
    )
    again = [row.model_copy(update={"round": "r02"}) for row in first]
    table(layout, "round_increment", "r02", [*again, *second])
    gather_pool(layout, "r02")
    assert check_pool(layout, "r02").passed

    curate(layout, SCOPE)
    manifest = read_record(SCOPE.folder(layout) / "manifest.json", DatasetManifest)
    assert SCOPE.file(layout).read_bytes() == SCOPE.file(made.layout).read_bytes()
    told = {item.label: item.count for item in manifest.dropped}
    assert told["duplicate"] == sum(row.adapter_kind == "scope" for row in again)


def test_equal_messages_are_the_earliest_rounds_in_whatever_order_they_come(
    made: World, tmp_path: Path
) -> None:
    (row, *_) = read_table(made.layout.table("round_increment", "r01"), CandidateRow)
    both = [row.model_copy(update={"round": name}) for name in ("r02", "r01")]
    court = court_of(made.layout, Cell("sft", row.adapter_kind, "r02"), policy=CurationPolicy())
    for listed in (both, both[::-1]):
        with (tmp_path / "spool").open("w+b") as file:
            spool = Spool(file)
            fill(spool, listed, court, lambda _: None)
            start, size = spool.places[row.example_id]
            file.seek(start)

            assert json.loads(file.read(size))["round"] == "r01"
        assert [fact.round for fact in spool.facts.values()] == ["r01"]


def test_progress_tells_how_many_candidates_there_are(world: World) -> None:
    told: list[tuple[int, int, str]] = []
    curate(world.layout, SCOPE, progress=lambda *words: told.append(words))
    rounds = ("r01", "r02")
    offered = [read_table(world.layout.table("round_increment", n), CandidateRow) for n in rounds]
    total = sum(row.adapter_kind == "scope" for rows in offered for row in rows)

    assert told == [(total, total, "sft scope r02 candidates")]
