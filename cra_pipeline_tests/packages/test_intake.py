"""What a dropped package must fulfil, judged on a package that the stage sealed."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from cra_pipeline.contracts.workspace import Layout
from cra_pipeline.errors import PackageError, PipelineError, StoreError
from cra_pipeline.integrations.git.run import git
from cra_pipeline.packages.intake import is_inside
from cra_pipeline.packages.stage import ingest_package
from cra_pipeline_tests.wheels import small_disk

Shape = dict[str, Any]
Spoil = Callable[[Path, Shape], None]


@pytest.fixture
def drop(model: Layout, tmp_path: Path) -> Path:
    """A copy of a good package."""
    return shutil.copytree(model.package("till"), tmp_path / "drops" / "one")


def needle(folder: Path) -> Path:
    return next((folder / "packages").glob("needle*.whl"))


def stated(shape: Shape, path: str) -> Shape:
    found: Shape = next(file for file in shape["files"] if file["path"] == path)
    return found


def unknown_field(_: Path, shape: Shape) -> None:
    shape["surprise"] = 1


def wrong_type(_: Path, shape: Shape) -> None:
    shape["schema_version"] = 2


def wrong_hash(folder: Path, _: Shape) -> None:
    content = bytearray(needle(folder).read_bytes())
    content[5] ^= 1
    replace(needle(folder), bytes(content))


def replace(path: Path, content: bytes) -> None:
    path.unlink()
    path.write_bytes(content)


def missing_wheel(folder: Path, _: Shape) -> None:
    needle(folder).unlink()


def unlisted_wheel(_: Path, shape: Shape) -> None:
    shape["files"] = [file for file in shape["files"] if "needle" not in file["path"]]


def traversal(_: Path, shape: Shape) -> None:
    shape["files"].append({"path": "packages/../../up.whl", "sha256": "0" * 64, "size": 0})


def absolute(_: Path, shape: Shape) -> None:
    shape["files"].append({"path": "/etc/passwd", "sha256": "0" * 64, "size": 0})


def linked_file(folder: Path, _: Shape) -> None:
    content = folder.parent / "real.whl"
    needle(folder).rename(content)
    (folder / "packages" / "needle-1.0-py3-none-any.whl").symlink_to(content)


def linked_folder(folder: Path, _: Shape) -> None:
    (folder / "packages").rename(folder.parent / "real")
    (folder / "packages").symlink_to(folder.parent / "real")


def executable(folder: Path, _: Shape) -> None:
    (folder / "run.sh").write_text("#!/bin/sh\n")


def hook(folder: Path, shape: Shape) -> None:
    path = folder / "repo" / "hooks" / "post-checkout"
    path.parent.mkdir()
    path.write_text("#!/bin/sh\n")
    listing(shape, folder, path)


def listing(shape: Shape, folder: Path, path: Path) -> None:
    content = path.read_bytes()
    shape["files"].append(
        {
            "path": path.relative_to(folder).as_posix(),
            "sha256": hashlib.sha256(content).hexdigest(),
            "size": len(content),
        }
    )


def archive(folder: Path, shape: Shape) -> None:
    path = folder / "packages" / "more.zip"
    path.write_bytes(b"PK")
    listing(shape, folder, path)


def alternates(folder: Path, shape: Shape) -> None:
    path = folder / "repo" / "objects" / "info" / "alternates"
    path.parent.mkdir()
    path.write_text("/elsewhere\n")
    listing(shape, folder, path)


def no_wheel(folder: Path, shape: Shape) -> None:
    content = b"this is no zip"
    replace(needle(folder), content)
    file = stated(shape, "packages/needle-1.0-py3-none-any.whl")
    digest = hashlib.sha256(content).hexdigest()
    text = json.dumps(shape).replace(file["sha256"], digest)
    shape.clear()
    shape.update(json.loads(text))
    stated(shape, "packages/needle-1.0-py3-none-any.whl")["size"] = len(content)
    for row in shape["environments"]:
        row["lock_hash"] = ""
    shape["commits"] = []


def unknown_commit(_: Path, shape: Shape) -> None:
    old = shape["commits"][0]
    text = json.dumps(shape).replace(old, "f" * 40)
    shape.clear()
    shape.update(json.loads(text))
    shape["commits"].sort()
    shape["environments"].sort(key=lambda row: row["sha"])


def unknown_revision(_: Path, shape: Shape) -> None:
    shape["revision"] = "f" * 40


def bad_key(_: Path, shape: Shape) -> None:
    shape["repo"] = "a/b|c"


def unknown_lock(_: Path, shape: Shape) -> None:
    shape["locks"] = []


def shim_outside(_: Path, shape: Shape) -> None:
    shape["environments"][0]["shim"].append({"path": "../sitecustomize.py", "text": ""})


def steering_shim(name: str) -> Spoil:
    def spoil(_: Path, shape: Shape) -> None:
        shape["environments"][0]["shim"].append({"path": name, "text": ""})

    return spoil


def steering_generated(name: str) -> Spoil:
    def spoil(_: Path, shape: Shape) -> None:
        shape["environments"][0]["generated"].append({"path": name, "text": ""})

    return spoil


def generated_in_git(_: Path, shape: Shape) -> None:
    shape["environments"][0]["generated"].append({"path": ".git/config", "text": ""})


def root_outside(_: Path, shape: Shape) -> None:
    shape["environments"][0]["import_roots"] = ["/"]


def odd_argument(_: Path, shape: Shape) -> None:
    shape["environments"][0]["test_args"] = ["-p", "evil"]


def other_command(_: Path, shape: Shape) -> None:
    shape["test_command"] = ["sh", "-c", "x"]


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (unknown_field, "surprise"),
        (wrong_type, "schema_version"),
        (wrong_hash, "damaged or forged"),
        (missing_wheel, "is missing: copy the package again"),
        (unlisted_wheel, "is not listed in the manifest"),
        (traversal, "has no place in a repo package"),
        (absolute, "has no place in a repo package"),
        (linked_file, "is a link, expected plain files only"),
        (linked_folder, "is a link, expected plain files only"),
        (executable, "run.sh is not listed"),
        (hook, "has no place in a repo package"),
        (archive, "has no place in a repo package"),
        (alternates, "has no place in a repo package"),
        (no_wheel, "no wheel"),
        (unknown_commit, "is not in the history"),
        (unknown_revision, "cannot be read as a commit"),
        (bad_key, "is no key"),
        (unknown_lock, "is not in the manifest"),
        (shim_outside, "leads out of its folder"),
        (generated_in_git, "leads out of its folder"),
        (steering_shim("sitecustomize.py"), "has no place in a shim"),
        (steering_shim("conftest.py"), "has no place in a shim"),
        (steering_shim("pkg/__init__.py"), "has no place in a shim"),
        (steering_shim("a.dist-info/RECORD"), "has no place in a shim"),
        (steering_shim("bin/deep/pytest"), "has no place in a shim"),
        (steering_generated("sitecustomize.py"), "is no version file"),
        (steering_generated("usercustomize/__init__.py"), "is no version file"),
        (steering_generated("tests/conftest.py"), "is no version file"),
        (steering_generated("src/evil.pth"), "is no version file"),
        (root_outside, "leads out of its folder"),
        (odd_argument, "is not one that a ladder gives"),
        (other_command, "test_command"),
    ],
)
def test_a_spoiled_package_is_refused_and_nothing_stays(
    drop: Path, tmp_path: Path, spoil: Spoil, words: str
) -> None:
    layout = Layout(tmp_path / "there")
    manifest = drop / "manifest.json"
    shape = json.loads(manifest.read_text())
    spoil(drop, shape)
    manifest.write_text(json.dumps(shape))

    with pytest.raises(PipelineError, match=words):
        ingest_package(layout, drop)

    assert not layout.wheels.exists()
    assert not layout.partition("ingested_packages", "till").exists()
    assert not layout.scratch.exists() or list(layout.scratch.iterdir()) == []


def test_a_package_without_a_manifest_is_refused(tmp_path: Path) -> None:
    with pytest.raises(PackageError, match=r"manifest\.json"):
        ingest_package(Layout(tmp_path / "there"), tmp_path)


def test_a_manifest_that_is_a_link_is_refused(drop: Path, tmp_path: Path) -> None:
    (drop / "manifest.json").rename(tmp_path / "real.json")
    (drop / "manifest.json").symlink_to(tmp_path / "real.json")

    with pytest.raises(PackageError, match=r"manifest\.json"):
        ingest_package(Layout(tmp_path / "there"), drop)


def test_a_foreign_git_configuration_is_never_honoured(drop: Path, tmp_path: Path) -> None:
    layout = Layout(tmp_path / "there")
    trace = tmp_path / "trace"
    text = f"[core]\n\tbare = true\n\tfsmonitor = touch {trace}\n[include]\n\tpath = /x\n"
    path = drop / "repo" / "config"
    path.write_text(text)
    shape = json.loads((drop / "manifest.json").read_text())
    file = stated(shape, "repo/config")
    file["sha256"], file["size"] = hashlib.sha256(text.encode()).hexdigest(), len(text)
    (drop / "manifest.json").write_text(json.dumps(shape))

    assert ingest_package(layout, drop) == "till"

    assert not trace.exists()


def test_taking_in_twice_changes_nothing(drop: Path, tmp_path: Path) -> None:
    layout = Layout(tmp_path / "there")
    ingest_package(layout, drop)
    place = layout.partition("ingested_packages", "till")
    before = place.stat().st_ino

    assert ingest_package(layout, drop) == "till"
    assert place.stat().st_ino == before


def test_a_key_that_belongs_to_another_repository_is_refused(
    drop: Path, model: Layout, tmp_path: Path
) -> None:
    layout = Layout(tmp_path / "there")
    shutil.copytree(
        model.partition("repo_snapshots", "till"), layout.partition("repo_snapshots", "till")
    )
    shape = json.loads((drop / "manifest.json").read_text())
    shape["url"] = "https://elsewhere.example/till"
    (drop / "manifest.json").write_text(json.dumps(shape))

    with pytest.raises(PackageError, match=r"this key belongs to https://example\.org/till"):
        ingest_package(layout, drop)


def test_a_later_package_of_another_address_is_refused(drop: Path, tmp_path: Path) -> None:
    layout = Layout(tmp_path / "there")
    ingest_package(layout, drop)
    shape = json.loads((drop / "manifest.json").read_text())
    shape["url"] = "https://elsewhere.example/till"
    (drop / "manifest.json").write_text(json.dumps(shape))

    with pytest.raises(PackageError, match="another history"):
        ingest_package(layout, drop)


def test_a_later_package_of_the_same_history_replaces_the_older_one(
    drop: Path, tmp_path: Path
) -> None:
    layout = Layout(tmp_path / "there")
    ingest_package(layout, drop)
    shape = json.loads((drop / "manifest.json").read_text())
    shape["licence"] = "BSD"
    (drop / "manifest.json").write_text(json.dumps(shape))

    ingest_package(layout, drop)

    kept = layout.partition("ingested_packages", "till") / "manifest.json"
    assert json.loads(kept.read_text())["licence"] == "BSD"


def test_a_full_disk_takes_nothing_in(drop: Path, tmp_path: Path) -> None:
    layout = Layout(tmp_path / "there")

    with small_disk(1000), pytest.raises(StoreError, match="free disk space"):
        ingest_package(layout, drop)

    assert not layout.partition("ingested_packages", "till").exists()
    assert list(layout.scratch.iterdir()) == []


def test_the_packed_repository_can_be_cloned_as_it_lies(drop: Path, tmp_path: Path) -> None:
    git(None, "clone", "--quiet", "--bare", "--template=", str(drop / "repo"), str(tmp_path / "c"))

    assert git(tmp_path / "c", "rev-list", "--count", "refs/heads/pinned").strip() == b"4"


@pytest.mark.parametrize("path", ["a/b.py", ".", "src"])
def test_paths_inside_are_told(path: str) -> None:
    assert is_inside(path)


@pytest.mark.parametrize("path", ["", "/a", "../a", "a/../../b", "a\\b", ".git/config", "a\0b"])
def test_paths_outside_are_told(path: str) -> None:
    assert not is_inside(path)
