"""A bundle from a small workspace: what it holds, on which side of the line, byte for byte."""

from __future__ import annotations

import hashlib
import json
import shutil
from pathlib import Path

import pytest

from cra_pipeline.adapters.bundle import packing
from cra_pipeline.adapters.stage.bundle import archive_path, check_bundle, export
from cra_pipeline.contracts.bundles import BundleManifest, BundleRow
from cra_pipeline.contracts.manifests import AssetManifest
from cra_pipeline.contracts.takedowns import Takedown
from cra_pipeline.contracts.workspace import Layout
from cra_pipeline.definitions.base_bundle import sides_of
from cra_pipeline.errors import CheckError, GuardError
from cra_pipeline.integrations.bases import list_bases, model_folder
from cra_pipeline.integrations.files import read_record, write_bytes, write_record
from cra_pipeline_tests.adapters.bundle.worlds import REPOS, bundle_world, code, with_base
from cra_pipeline_tests.adapters.worlds import bare_model, sample
from cra_pipeline_tests.datasets import worlds
from cra_pipeline_tests.datasets.worlds import HELD_OUT, World, hour

# The bundle of a whole world is made many times over: `make test-all` runs it.
pytestmark = [pytest.mark.slow, pytest.mark.real]


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> World:
    """A workspace with a checked bundle of its second round; only read it."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(worlds, "code", code)
        world = bundle_world(tmp_path_factory.mktemp("bundles") / "home")
    with_base(world.layout, bare_model(tmp_path_factory.mktemp("upstream")))
    export(world.layout, "r02", sides_of(world.layout, "r02"))
    return world


@pytest.fixture
def world(made: World, tmp_path: Path) -> World:
    """A copy to change."""
    shutil.copytree(made.layout.root, tmp_path / "home")
    return World(Layout(tmp_path / "home"), made.shas)


def files_of(layout: Layout) -> dict[str, bytes]:
    return packing.unpacked(archive_path(layout, "r02").read_bytes())


def rows_of(layout: Layout, *names: str) -> tuple[BundleRow, ...]:
    return packing.rows_in(files_of(layout), names or (*packing.PARTS, packing.EVALUATION))


def tampered(layout: Layout, files: dict[str, bytes]) -> tuple[str, ...]:
    """Findings of the check on another archive under a manifest that names it."""
    content = packing.packed("base-bundle-r02", files)
    write_bytes(archive_path(layout, "r02"), content)
    path = layout.manifest("base_bundle", "r02")
    sealed = read_record(path, AssetManifest)
    digest = hashlib.sha256(content).hexdigest()
    write_record(path, sealed.model_copy(update={"content_id": digest}))
    return check_bundle(layout, "r02", sides_of(layout, "r02")).findings


def test_a_bundle_holds_data_recipe_program_and_hashes(made: World) -> None:
    files = files_of(made.layout)
    inside = BundleManifest.parse_json(files["manifest.json"], where="manifest")
    counts = {item.label: item.count for item in inside.counts}

    assert check_bundle(made.layout, "r02", sides_of(made.layout, "r02")).findings == ()
    assert {item.name for item in inside.files} == files.keys() - {"manifest.json"}
    assert {"launch.sh", "check.py", "train.py", "accelerate.yaml", "README.md"} < files.keys()
    assert counts["planning"] > 0
    assert counts["positional"] > 0
    assert counts["role"] > 0
    assert counts["evaluation"] > 0
    assert b"zero_stage: 2" in files["accelerate.yaml"]
    assert json.loads(files["recipe.json"])["window"] == 4096


def test_what_is_missing_is_said_and_counts_as_nothing(made: World) -> None:
    inside = BundleManifest.parse_json(files_of(made.layout)["manifest.json"], where="manifest")

    assert inside.reasoned == 0
    assert any("0 rows with reasoning" in note for note in inside.notes)
    assert "no planning rows of test_plan" in inside.notes
    assert b"0 rows with reasoning" in files_of(made.layout)["README.md"]


def test_every_row_lies_on_the_near_side(made: World) -> None:
    rows = rows_of(made.layout)

    assert {row.origin.repo for row in rows} == {*REPOS}
    assert HELD_OUT not in {row.origin.repo for row in rows}
    assert max(row.origin.committed_at for row in rows) <= hour(4)
    assert {row.round for row in rows} == {"r01", "r02"}


def test_an_earlier_rounds_bundle_holds_nothing_of_a_later_one(world: World) -> None:
    export(world.layout, "r01", sides_of(world.layout, "r01"))
    files = packing.unpacked(archive_path(world.layout, "r01").read_bytes())
    rows = packing.rows_in(files, (*packing.PARTS, packing.EVALUATION))

    assert {row.round for row in rows} == {"r01"}
    assert max(row.origin.committed_at for row in rows) <= hour(2)
    # The text of the files, too, is that of a commit before the cut-off.
    assert b"alder_2(" in files["data/positional.jsonl"]
    assert b"alder_3(" not in b"".join(files.values())


def test_rows_that_judge_are_of_the_newest_commits_and_never_trained(made: World) -> None:
    trained, judging = rows_of(made.layout, *packing.PARTS), rows_of(made.layout, "evaluation")
    shas = {row.origin.sha for row in judging}

    assert shas.isdisjoint(row.origin.sha for row in trained)
    assert min(row.origin.committed_at for row in judging) >= max(
        row.origin.committed_at for row in trained
    )


def test_a_second_export_writes_the_same_bytes(world: World) -> None:
    path = archive_path(world.layout, "r02")
    before = path.read_bytes()
    path.unlink()

    export(world.layout, "r02", sides_of(world.layout, "r02"))
    assert path.read_bytes() == before


def test_without_a_base_nothing_is_bundled(world: World) -> None:
    shutil.rmtree(world.layout.bases)

    with pytest.raises(GuardError, match=r"no base .* stands"):
        export(world.layout, "r02", sides_of(world.layout, "r02"))


def test_a_base_that_was_changed_is_not_bundled(world: World) -> None:
    (base,) = list_bases(world.layout)
    with (model_folder(world.layout, base.base_id) / "config.json").open("a") as file:
        file.write(" ")

    with pytest.raises(GuardError, match="not the frozen base"):
        export(world.layout, "r02", sides_of(world.layout, "r02"))


def test_an_increment_that_changed_since_its_pool_is_refused(world: World) -> None:
    path = world.layout.check("round_increment", "r01")
    path.unlink()

    with pytest.raises(CheckError, match="round_increment of r01 is not ready"):
        export(world.layout, "r02", sides_of(world.layout, "r02"))


def test_a_source_that_was_taken_down_leaves_the_bundle(world: World) -> None:
    gone = sample(Takedown).model_copy(
        update={"repos": (REPOS[0],), "licences": (), "commits": (), "patch_ids": ()}
    )
    write_record(world.layout.root / "takedowns" / "first.json", gone)
    sides = sides_of(world.layout, "r02")

    assert any("taken_down" in text for text in check_bundle(world.layout, "r02", sides).findings)
    export(world.layout, "r02", sides)
    assert {row.origin.repo for row in rows_of(world.layout)} == {REPOS[1]}
    assert check_bundle(world.layout, "r02", sides).passed


@pytest.mark.parametrize("name", ["recipe.json", "requirements.txt", "program/train.py"])
def test_another_file_under_the_same_manifest_is_found(world: World, name: str) -> None:
    files = files_of(world.layout)

    changed = files | {name: files[name] + b"\n"}

    assert f"{name}: other bytes" in tampered(world.layout, changed)


def test_a_row_from_beyond_the_line_is_found_even_under_right_hashes(world: World) -> None:
    files = files_of(world.layout)
    lines = files["data/planning.jsonl"].splitlines()
    row = BundleRow.parse_json(lines[0], where="row")
    late = world.shas[row.origin.repo][5]
    foul = row.model_copy(update={"origin": row.origin.model_copy(update={"sha": late})})
    data = b"\n".join([foul.canonical_json().encode(), *lines[1:], b""])
    inside = BundleManifest.parse_json(files["manifest.json"], where="manifest")
    named = tuple(
        item.model_copy(update={"content_id": hashlib.sha256(data).hexdigest()})
        if item.name == "data/planning.jsonl" else item
        for item in inside.files
    )  # fmt: skip
    page = packing.told(inside.model_copy(update={"files": named}))

    found = tampered(world.layout, files | {"data/planning.jsonl": data, "manifest.json": page})
    assert found == (f"after_cut_off: row {row.row_id[:12]}",)


def test_another_archive_than_the_checked_one_is_found(world: World) -> None:
    with archive_path(world.layout, "r02").open("ab") as file:
        file.write(b"\0")

    report = check_bundle(world.layout, "r02", sides_of(world.layout, "r02"))
    assert "not the archive that its manifest describes" in report.findings[0]
