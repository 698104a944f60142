"""Published rows go through pool, curation and check, and so do rows that no template can say."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from cra_pipeline.contracts.bases import BaseRecord
from cra_pipeline.contracts.datasets import CandidateRow, DatasetManifest
from cra_pipeline.contracts.manifests import CheckReport
from cra_pipeline.contracts.workspace import Layout
from cra_pipeline.datasets.stage.chats import chat_of, frozen_model
from cra_pipeline.datasets.stage.cold_start import check_cold_start, make_cold_start
from cra_pipeline.datasets.stage.curate import curate
from cra_pipeline.datasets.stage.dataset_files import Cell, read_rows
from cra_pipeline.datasets.stage.judge import check_dataset
from cra_pipeline.datasets.stage.pools import check_pool, gather_pool
from cra_pipeline.integrations.chat.tiny import END, train_tiny
from cra_pipeline.integrations.files import read_record, write_record
from cra_pipeline.kinds import ADAPTER_KINDS
from cra_pipeline_tests.contracts.regenerate import example
from cra_pipeline_tests.datasets.stage.test_cold_start import SYSTEM, workspace
from cra_pipeline_tests.datasets.stage.test_curate import Lines, tampered
from cra_pipeline_tests.datasets.worlds import DOMAINS, World
from cra_pipeline_tests.integrations.raw_db.databases import empty_database, rows

pytestmark = pytest.mark.slow

CODE = Cell("sft", "execute_code", "r01")
PAIRS = Cell("dpo", "execute_code", "r01")
BASE = ADAPTER_KINDS["execute_code"].base


def take_in(world: World, *more: str) -> Layout:
    """Fixtures of two published sets in the first round's pool, pairs included."""
    workspace(world.layout.root, ["commitpackft"], "pairs = true")
    listed = (world.layout.root / "cold_start.toml").read_text("utf-8")
    workspace(world.layout.root, ["codefeedback"], *more)
    with (world.layout.root / "cold_start.toml").open("a", encoding="utf-8") as file:
        file.write(f"\n{listed}")
    make_cold_start(world.layout, system=SYSTEM)
    assert check_cold_start(world.layout).passed
    gather_pool(world.layout, "r01")
    assert check_pool(world.layout, "r01").passed
    return world.layout


def made(layout: Layout, cell: Cell) -> tuple[DatasetManifest, CheckReport, list[CandidateRow]]:
    curate(layout, cell)
    manifest = read_record(cell.folder(layout) / "manifest.json", DatasetManifest)
    return manifest, check_dataset(layout, cell), list(read_rows(layout, cell))


@pytest.mark.parametrize(("cell", "published"), [(CODE, 2), (PAIRS, 1)])
def test_published_rows_are_a_source_and_no_domain(
    cell: Cell, published: int, world: World
) -> None:
    manifest, report, listed = made(take_in(world), cell)
    found = [row for row in listed if row.origin.source == "cold_start"]
    domains = {item.label: item.count for item in manifest.by_domain}

    assert report.findings == ()
    assert len(found) == published
    assert {row.round for row in found} == {"r01"}
    assert {item.label: item.count for item in manifest.by_source}["cold_start"] == published
    assert domains.pop("") == published
    assert set(domains) == set(DOMAINS.values())
    # The shares are of the rows with a domain: published ones leave no room for a sixth more.
    assert max(domains.values()) * 5 <= len(listed) - published
    assert "published data sets, written as the agent would have asked" in (
        cell.folder(world.layout) / "card.md"
    ).read_text("utf-8")


def test_published_rows_of_the_first_round_are_replayed_in_the_second(world: World) -> None:
    layout = take_in(world)
    gather_pool(layout, "r02")
    check_pool(layout, "r02")
    _, report, listed = made(layout, Cell("sft", "execute_code", "r02"))

    assert report.findings == ()
    assert {row.round for row in listed if row.origin.source == "cold_start"} <= {"r01"}


def test_a_published_row_that_nobody_published_is_found(world: World) -> None:
    layout = take_in(world)
    curate(layout, CODE)
    (layout.root / "cold_start" / "sft.jsonl").write_bytes(b"")

    found = check_dataset(layout, CODE).findings

    assert sum("is no row of the cold start" in item for item in found) == 2


@pytest.mark.parametrize(
    ("field", "value", "told"),
    [
        ("licence", "Unlicense", "says something else than the cold start's row"),
        ("repo", "innocent", "says something else than the cold start's row"),
        ("domain", "parsing", "wears the domain parsing, published rows have none"),
    ],
)
def test_a_published_row_that_says_more_than_was_published_is_found(
    field: str, value: str, told: str, world: World
) -> None:
    layout = take_in(world)
    curate(layout, CODE)

    def slip(rows: Lines) -> None:
        row = next(row for row in rows if row["origin"]["source"] == "cold_start")
        row["origin"][field] = value

    assert any(told in item for item in tampered(layout, CODE, slip))


def spoil(world: World) -> Layout:
    """A published program that holds the end of a turn, in the pool."""
    row = {
        "query": "Write the mark that ends a turn.",
        "answer": f'```python\nMARK = "{END}"\n```',
        "resource": "x", "lang": "python",
    }  # fmt: skip
    path = world.layout.root / "spoilt.jsonl"
    path.write_text(json.dumps(row) + "\n", "utf-8")
    entry = '[[files]]\nset = "codefeedback"\npath = "spoilt.jsonl"\nlicence = "MIT"\n'
    (world.layout.root / "cold_start.toml").write_text(entry, "utf-8")
    make_cold_start(world.layout, system=SYSTEM)
    check_cold_start(world.layout)
    gather_pool(world.layout, "r01")
    check_pool(world.layout, "r01")
    return world.layout


def test_a_row_that_the_template_cannot_say_is_dropped_and_counted(world: World) -> None:
    layout = spoil(world)
    train_tiny(["a b c"], layout.root / "tokenizers" / BASE.replace("/", "--"))
    manifest, report, listed = made(layout, CODE)
    policy = json.loads(manifest.policy)

    assert report.findings == report.notes == ()
    assert {item.label: item.count for item in manifest.dropped}["unfit_for_template"] == 1
    assert not [row for row in listed if row.origin.source == "cold_start"]
    assert policy["tokens"] == "counted"
    assert policy["tokenizer"].startswith(f"{BASE.replace('/', '--')}@")


def test_a_dataset_whose_rows_fail_the_format_contract_cannot_be_registered(world: World) -> None:
    layout = spoil(world)
    layout.raw_db.parent.mkdir()
    empty_database(layout.raw_db)
    curate(layout, CODE)
    train_tiny(["a b c"], layout.root / "tokenizers" / BASE.replace("/", "--"))
    report = check_dataset(layout, CODE)

    assert any("more than one end of turn" in item for item in report.findings)
    assert not rows(layout.raw_db, "SELECT * FROM training_datasets")


def test_without_a_tokenizer_manifest_check_and_card_say_so(world: World) -> None:
    manifest, report, _ = made(world.layout, CODE)
    card = (CODE.folder(world.layout) / "card.md").read_text("utf-8")

    assert report.passed
    (note,) = report.notes
    assert note.startswith("tokens are estimated, and no row was held against a chat template")
    assert f"copy its three files to tokenizers/{BASE.replace('/', '--')}" in note
    assert json.loads(manifest.policy)["tokens"] == "estimated"
    assert "(estimated, characters/3: the workspace has no tokenizer of the base" in card


def freeze(layout: Layout, base_id: str, *, name: str, role: str, replaces: str = "") -> Path:
    filled = example(BaseRecord)
    told = {"base_id": base_id, "name": name, "role": role, "replaces": replaces}
    write_record(layout.bases / base_id / "base.json", filled.model_copy(update=told))
    return layout.bases / base_id / "model"


def test_the_tiny_bases_tokenizer_serves_where_there_is_no_other_base(tmp_path: Path) -> None:
    layout = Layout(tmp_path)
    tiny = freeze(layout, "tiny-4k-base-v1", name="cra/tiny", role="tiny")
    train_tiny(["a b c"], tiny)
    alone = chat_of(layout, "execute_code")
    freeze(layout, "reasoning-32k-base-v1", name="Qwen/Qwen3-4B", role="reasoning")

    assert alone is not None
    assert alone.count("a", "b", "c") > 0
    assert chat_of(layout, "execute_code") is None


def test_the_newest_valid_base_of_a_kind_serves(tmp_path: Path) -> None:
    layout = Layout(tmp_path)
    freeze(layout, "coding-32k-base-v2", name=BASE, role="coding")
    third = freeze(layout, "coding-32k-base-v10", name=BASE, role="coding")
    freeze(layout, "tiny-4k-base-v1", name="cra/tiny", role="tiny")

    assert frozen_model(layout, BASE) == third
    fourth = freeze(
        layout, "coding-32k-base-v11", name=BASE, role="coding", replaces="coding-32k-base-v10"
    )
    assert frozen_model(layout, BASE) == fourth
    assert frozen_model(Layout(tmp_path / "other"), BASE) is None
