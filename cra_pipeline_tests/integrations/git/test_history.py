"""Questions to a snapshot's history, against small real ones."""

from __future__ import annotations

from pathlib import Path

import pytest

from cra_pipeline.integrations.git.address import parse_address
from cra_pipeline.integrations.git.clone import clone_pinned
from cra_pipeline.integrations.git.history import (
    blobs_since,
    describe,
    known_blobs,
    reachable_commits,
    refs,
    single_pack,
    write_pack,
)
from cra_pipeline.integrations.git.run import git
from cra_pipeline.packages.leaks import blob_id
from cra_pipeline_tests.histories import Upstream


@pytest.fixture
def commits(tmp_path: Path) -> list[str]:
    """Ids of three commits; the first is tagged."""
    upstream = Upstream(tmp_path / "up")
    ids = [upstream.commit({"a.py": "one\n"})]
    upstream.tag("v1.0", annotated=True)
    ids += [upstream.commit({"a.py": "two\n"}), upstream.commit({"b.py": "one\n"})]
    return ids


@pytest.fixture
def snapshot(tmp_path: Path, commits: list[str]) -> Path:
    """The bare clone that ends at the last of them."""
    target = tmp_path / "repo.git"
    clone_pinned(parse_address(str(tmp_path / "up")), commits[-1], target, tmp_path / "work")
    return target


def test_the_nearest_tag_is_described(snapshot: Path, commits: list[str]) -> None:
    assert describe(snapshot, commits[0]).startswith("v1.0-0-g")
    assert describe(snapshot, commits[2]).startswith("v1.0-2-g")


def test_without_a_tag_there_is_nothing_to_describe(tmp_path: Path) -> None:
    upstream = Upstream(tmp_path / "plain")
    sha = upstream.commit({"a": "x"})

    assert describe(upstream.bare(tmp_path / "plain.git"), sha) == ""


def test_only_blobs_after_the_base_are_later(snapshot: Path, commits: list[str]) -> None:
    one, two = blob_id(b"one\n"), blob_id(b"two\n")

    assert known_blobs(snapshot, [one, two, blob_id(b"never\n")]) == {one, two}
    assert known_blobs(snapshot, []) == frozenset()
    assert {one, two} & blobs_since(snapshot, commits[0]) == {two}
    assert {one, two} <= blobs_since(snapshot, "")


def test_reachable_commits_are_those_of_the_pinned_head(snapshot: Path, commits: list[str]) -> None:
    assert reachable_commits(snapshot) == set(commits)


def test_refs_name_what_an_annotated_tag_points_to(snapshot: Path, commits: list[str]) -> None:
    found = {name: (oid, peeled) for name, oid, peeled in refs(snapshot)}

    assert found["refs/heads/pinned"] == (commits[-1], "")
    assert found["refs/tags/v1.0"][1] == commits[0]


def test_a_pack_has_all_objects_and_repeats(snapshot: Path, tmp_path: Path) -> None:
    packs = []
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        packs.append(write_pack(snapshot, tmp_path / name))

    assert packs[0][0].read_bytes() == packs[1][0].read_bytes()
    assert packs[0][0].name == packs[1][0].name
    listing = git(None, "verify-pack", "-v", str(packs[0][1])).decode()
    assert blob_id(b"two\n") in listing


def test_one_pack_is_used_as_it_lies_and_loose_objects_are_not_forgotten(snapshot: Path) -> None:
    git(snapshot, "repack", "-a", "-d", "-q")
    assert single_pack(snapshot) is not None

    git(snapshot, "hash-object", "-w", "--stdin", stdin=b"loose\n")

    assert single_pack(snapshot) is None
