"""Sources, snapshots and rounds on disk."""

from __future__ import annotations

import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from cra_pipeline.contracts.rounds import RoundRecord
from cra_pipeline.contracts.sources import RepoSnapshot, ScanReport
from cra_pipeline.contracts.workspace import Layout
from cra_pipeline.corpus.stage import (
    add_source,
    check_snapshot,
    ensure_first_round,
    find_source,
    known_sources,
    open_round,
    read_rounds,
    seed_tiny,
    snapshot_repo,
)
from cra_pipeline.errors import BusyError, CheckError, RoundError, SourceError
from cra_pipeline.integrations.evidence import require_checked
from cra_pipeline.integrations.files import partition_lock, read_record, read_table
from cra_pipeline.integrations.git.clone import PINNED
from cra_pipeline.integrations.git.run import git
from cra_pipeline_tests.clones import real_clones
from cra_pipeline_tests.histories import FIRST, Upstream, drop_object, objects_of

ASSET = "repo_snapshots"


@pytest.fixture
def layout(tmp_path: Path) -> Layout:
    return Layout(tmp_path / "ws")


@pytest.fixture
def upstream(tmp_path: Path) -> Upstream:
    made = Upstream(tmp_path / "lib")
    made.commit({"lib.py": "x = 1\n", "notes.txt": "\u202ehidden\n"})
    made.tag("v1")
    made.commit({"lib.py": "x = 2\n"})
    return made


@pytest.fixture
def repo(layout: Layout, upstream: Upstream) -> str:
    """Name of a source that is listed but not cloned yet."""
    return add_source(layout, str(upstream.path), domain="parsing").name


def bytes_of(folder: Path) -> dict[str, bytes]:
    """Files of a partition beside the clone itself, whose packs may differ."""
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir()) if path.is_file()}


def test_an_added_source_is_pinned_named_and_listed(layout: Layout, upstream: Upstream) -> None:
    added = add_source(layout, str(upstream.path), licence="MIT", roles=["P"])

    assert added.name == "lib"
    assert added.revision == upstream.run("rev-parse", "HEAD")
    assert added.committed_at == FIRST + 3600
    assert (added.domain, added.roles, added.tier) == ("unsorted", ("P",), "full")
    assert added in known_sources(layout)
    assert len(known_sources(layout)) == 19


def test_a_source_added_again_moves_to_the_new_head(layout: Layout, upstream: Upstream) -> None:
    add_source(layout, str(upstream.path), licence="MIT")
    newer = upstream.commit({"lib.py": "x = 3\n"})
    again = add_source(layout, str(upstream.path))

    assert (again.revision, again.licence) == (newer, "MIT")
    assert find_source(layout, "lib") == again


def test_a_seed_can_be_pointed_at_a_mirror_only_by_its_name(
    layout: Layout, upstream: Upstream, tmp_path: Path
) -> None:
    mirror = upstream.bare(tmp_path / "attrs.git")

    with pytest.raises(SourceError, match="in the corpus"):
        add_source(layout, str(mirror))
    # The seed's pin stays, and this mirror does not hold it.
    with pytest.raises(SourceError, match="cannot be read as a commit"):
        add_source(layout, str(mirror), name="attrs")

    added = add_source(layout, str(mirror), name="attrs", revision="HEAD")

    assert (added.url, added.domain) == (str(mirror), "validation")
    assert len(known_sources(layout)) == 18


@pytest.mark.parametrize("name", ["a/b", "a|b", "Upper", ".", "..", ".hidden"])
def test_a_name_that_is_no_key_is_refused(name: str, layout: Layout, upstream: Upstream) -> None:
    with pytest.raises(SourceError, match=r"cannot name a repository|gives no name"):
        add_source(layout, str(upstream.path), name=name)

    assert not layout.sources.exists()


@pytest.mark.usefixtures("repo")
def test_one_history_cannot_be_added_twice(layout: Layout, upstream: Upstream) -> None:
    with pytest.raises(SourceError, match=f"are one upstream, {upstream.path}/.git"):
        add_source(layout, str(upstream.path / ".git"), name="other")


def test_a_refused_field_leaves_the_list_as_it_was(
    layout: Layout, upstream: Upstream, repo: str
) -> None:
    before = layout.sources.read_bytes()

    with pytest.raises(SourceError, match="roles"):
        add_source(layout, str(upstream.path), roles=["X"])

    assert layout.sources.read_bytes() == before
    assert repo == "lib"


def test_a_damaged_list_says_where(layout: Layout) -> None:
    layout.sources.parent.mkdir(parents=True)
    layout.sources.write_text("[[repo]]\nname = 'a'\n")

    with pytest.raises(SourceError, match=r"sources\.toml: repo 'a': url: Field required"):
        known_sources(layout)


def test_a_snapshot_is_described_scanned_and_passes_its_check(
    layout: Layout, upstream: Upstream, repo: str
) -> None:
    report = snapshot_repo(layout, repo)
    (row,) = read_table(layout.table(ASSET, repo), RepoSnapshot)
    scan = read_record(layout.partition(ASSET, repo) / "scan.json", ScanReport)

    assert row == RepoSnapshot(
        repo="lib",
        url="local:lib",
        revision=upstream.run("rev-parse", "HEAD"),
        commits=2,
        tags=("v1",),
        domain="parsing",
        licence="unknown",
    )
    assert scan.counts == (("bidi", 1),)
    assert {"what": "scan: bidi", "value": "1"} in report.preview
    assert {"what": "Python files", "value": "1"} in report.preview
    assert check_snapshot(layout, repo).passed
    assert require_checked(layout, ASSET, repo).content_id == report.manifest.content_id
    assert not any(layout.scratch.iterdir())


def test_a_second_run_does_nothing_and_another_workspace_writes_the_same_bytes(
    layout: Layout, upstream: Upstream, repo: str, tmp_path: Path
) -> None:
    first = snapshot_repo(layout, repo)
    # Nothing can be fetched any more: a run that tried to would fail.
    moved = tmp_path / "elsewhere" / "lib"
    moved.parent.mkdir()
    shutil.move(upstream.path, moved)
    again = snapshot_repo(layout, repo)
    other = Layout(tmp_path / "other")
    add_source(other, str(moved), domain="parsing")
    snapshot_repo(other, repo)

    assert again == first
    assert bytes_of(other.partition(ASSET, repo)) == bytes_of(layout.partition(ASSET, repo))


def test_a_moved_pin_makes_the_snapshot_and_its_check_anew(
    layout: Layout, upstream: Upstream, repo: str
) -> None:
    snapshot_repo(layout, repo)
    check_snapshot(layout, repo)
    newer = upstream.commit({"lib.py": "x = 3\n"})
    add_source(layout, str(upstream.path))
    snapshot_repo(layout, repo)

    assert git(layout.snapshot(repo), "rev-parse", PINNED).decode().strip() == newer
    with pytest.raises(CheckError, match="judged"):
        require_checked(layout, ASSET, repo)
    assert check_snapshot(layout, repo).passed


def test_a_history_without_python_is_cloned_and_said_to_be_useless(
    layout: Layout, tmp_path: Path
) -> None:
    made = Upstream(tmp_path / "prose")
    made.commit({"README": "words\n"})
    report = snapshot_repo(layout, add_source(layout, str(made.path)).name)

    assert {
        "what": "Python files",
        "value": "0: nothing at the pin can become a task",
    } in report.preview


def test_an_unknown_repository_is_refused(layout: Layout) -> None:
    with pytest.raises(SourceError, match="nothing-here: no such repository; known are attrs"):
        snapshot_repo(layout, "nothing-here")


def test_two_runs_on_one_partition_do_not_meet(layout: Layout, repo: str) -> None:
    with partition_lock(layout, ASSET, repo), pytest.raises(BusyError):
        snapshot_repo(layout, repo)


def test_a_failed_clone_leaves_no_partition_that_looks_finished(
    layout: Layout, upstream: Upstream, repo: str
) -> None:
    drop_object(upstream.path / ".git", upstream.run("rev-parse", "HEAD~:lib.py"))

    with pytest.raises(SourceError, match="missing"):
        snapshot_repo(layout, repo)

    assert not layout.manifest(ASSET, repo).exists()
    assert not layout.snapshot(repo).exists()
    with pytest.raises(CheckError):
        require_checked(layout, ASSET, repo)


@pytest.mark.parametrize("harm", ["branch", "tag", "object", "pin", "alternates"])
def test_a_tampered_snapshot_fails_its_check(
    harm: str, layout: Layout, upstream: Upstream, repo: str
) -> None:
    snapshot_repo(layout, repo)
    snapshot = layout.snapshot(repo)
    first = upstream.run("rev-parse", "v1")
    if harm == "branch":
        git(snapshot, "update-ref", "refs/heads/main", first)
    elif harm == "tag":
        git(snapshot, "update-ref", "-d", "refs/tags/v1")
    elif harm == "pin":
        git(snapshot, "update-ref", PINNED, first)
    elif harm == "object":
        drop_object(snapshot, upstream.run("rev-parse", "v1:lib.py"))
    else:
        (snapshot / "objects" / "info").mkdir(exist_ok=True)
        (snapshot / "objects" / "info" / "alternates").write_text(f"{upstream.path}/.git/objects\n")
    report = check_snapshot(layout, repo)

    assert not report.passed
    with pytest.raises(CheckError, match="failed its check"):
        require_checked(layout, ASSET, repo)


def test_a_vanished_clone_fails_its_check_and_is_made_again(layout: Layout, repo: str) -> None:
    snapshot_repo(layout, repo)
    shutil.rmtree(layout.snapshot(repo))

    assert not check_snapshot(layout, repo).passed

    snapshot_repo(layout, repo)

    assert check_snapshot(layout, repo).passed


def test_a_pin_that_cannot_be_had_leaves_the_old_snapshot_in_use(
    layout: Layout, upstream: Upstream, repo: str
) -> None:
    snapshot_repo(layout, repo)
    check_snapshot(layout, repo)
    before = require_checked(layout, ASSET, repo)
    upstream.commit({"lib.py": "x = 3\n"})
    add_source(layout, str(upstream.path))
    drop_object(upstream.path / ".git", upstream.run("rev-parse", "HEAD:lib.py"))

    with pytest.raises(SourceError, match="missing"):
        snapshot_repo(layout, repo)

    assert require_checked(layout, ASSET, repo) == before
    assert check_snapshot(layout, repo).passed


# Ends the process when the new clone stands and nothing was written about it yet.
KILLED_BEFORE_SEALING = """
import os, signal, sys
from pathlib import Path
from cra_pipeline.contracts.workspace import Layout
from cra_pipeline.corpus import stage
stage.scan_tree = lambda *arguments: os.kill(os.getpid(), signal.SIGKILL)
stage.snapshot_repo(Layout(Path(sys.argv[1])), "lib")
"""


def test_a_kill_after_the_swap_leaves_the_partition_undone(
    layout: Layout, upstream: Upstream, repo: str
) -> None:
    snapshot_repo(layout, repo)
    check_snapshot(layout, repo)
    upstream.commit({"lib.py": "x = 3\n"})
    add_source(layout, str(upstream.path))
    command = [sys.executable, "-c", KILLED_BEFORE_SEALING, str(layout.root)]
    done = subprocess.run(command, check=False)

    assert done.returncode == -signal.SIGKILL
    with pytest.raises(CheckError, match="not ready"):
        require_checked(layout, ASSET, repo)

    snapshot_repo(layout, repo)

    assert check_snapshot(layout, repo).passed


KILLED = """
import sys
from pathlib import Path
from cra_pipeline.contracts.workspace import Layout
from cra_pipeline.corpus.stage import check_snapshot, snapshot_repo
print("ready", flush=True)
layout = Layout(Path(sys.argv[1]))
snapshot_repo(layout, "lib")
check_snapshot(layout, "lib")
"""


@pytest.mark.slow
def test_kills_at_any_moment_leave_nothing_that_looks_finished(
    layout: Layout, upstream: Upstream, repo: str, tmp_path: Path
) -> None:
    calm = Layout(tmp_path / "calm")
    add_source(calm, str(upstream.path), domain="parsing")
    snapshot_repo(calm, repo)
    whole = objects_of(calm.snapshot(repo))
    for delay in (0.0, 0.02, 0.04, 0.06, 0.09, 0.13):
        run = subprocess.Popen(
            [sys.executable, "-c", KILLED, str(layout.root)], stdout=subprocess.PIPE
        )
        assert run.stdout is not None
        run.stdout.readline()
        time.sleep(delay)
        run.send_signal(signal.SIGKILL)
        run.wait()
        run.stdout.close()
        if layout.manifest(ASSET, repo).exists():
            assert check_snapshot(layout, repo).passed
        if layout.snapshot(repo).exists():
            assert objects_of(layout.snapshot(repo)) == whole
            # The next kill must find work again.
            layout.manifest(ASSET, repo).unlink(missing_ok=True)
            shutil.rmtree(layout.snapshot(repo))
    snapshot_repo(layout, repo)

    assert bytes_of(layout.partition(ASSET, repo)) == bytes_of(calm.partition(ASSET, repo))
    assert not any(layout.scratch.iterdir())


def test_the_first_round_pins_every_known_repository(layout: Layout, repo: str) -> None:
    record = ensure_first_round(layout)

    assert record.round == "r01"
    assert dict(record.pins) == {item.name: item.revision for item in known_sources(layout)}
    assert record.cut_off == max(item.committed_at for item in known_sources(layout))
    assert len(record.held_out) == 3
    assert record.pin(repo) == find_source(layout, repo).revision
    assert ensure_first_round(layout) == record
    assert read_rounds(layout) == (record,)


def test_a_later_round_moves_the_pins_and_leaves_the_first_alone(
    layout: Layout, upstream: Upstream, repo: str
) -> None:
    first = open_round(layout, repos=[repo], cut_off=FIRST)
    written = (layout.rounds / "r01.json").read_bytes()
    newer = upstream.commit({"lib.py": "x = 3\n"})
    add_source(layout, str(upstream.path))
    second = open_round(layout, repos=[repo, "attrs"], held_out=["attrs"])

    assert (layout.rounds / "r01.json").read_bytes() == written
    assert read_rounds(layout) == (first, second)
    assert second.pin(repo) == newer
    assert second.held_out == ("attrs",)


def test_a_round_is_never_overwritten(layout: Layout, repo: str) -> None:
    record = open_round(layout, repos=[repo])
    stray = layout.rounds / "r02.json"
    stray.symlink_to(layout.rounds / "r01.json")

    with pytest.raises(RoundError, match=r"r02\.json: holds r01"):
        open_round(layout, repos=[repo])

    stray.unlink()
    with partition_lock(layout, "rounds", "all"), pytest.raises(BusyError):
        open_round(layout, repos=[repo])
    assert read_rounds(layout) == (record,)


def test_a_damaged_round_is_no_silent_default(layout: Layout) -> None:
    layout.rounds.mkdir(parents=True)
    (layout.rounds / "r01.json").write_text("{}")

    with pytest.raises(RoundError, match="a round is never edited"):
        read_rounds(layout)


def test_rounds_refuse_what_they_cannot_pin_or_date(
    layout: Layout, upstream: Upstream, repo: str
) -> None:
    with pytest.raises(SourceError, match="no such repository"):
        open_round(layout, repos=["stranger"])
    with pytest.raises(RoundError, match="no repository"):
        open_round(layout, repos=[])

    text = layout.sources.read_text()
    layout.sources.write_text(text.replace(f"committed_at = {FIRST + 3600}", "committed_at = 0"))
    with pytest.raises(RoundError, match="lib is not known: give the cut-off"):
        open_round(layout, repos=[repo])

    assert open_round(layout, repos=[repo], cut_off=FIRST).cut_off == FIRST
    assert isinstance(read_rounds(layout)[0], RoundRecord)
    assert upstream.commits == 2


@pytest.mark.slow
def test_the_demos_histories_are_the_same_in_every_workspace(
    layout: Layout, tmp_path: Path
) -> None:
    other = Layout(tmp_path / "other")
    seeded = seed_tiny(layout)
    listed = layout.sources.read_bytes()
    again = seed_tiny(layout)
    elsewhere = seed_tiny(other)

    assert again == seeded
    assert layout.sources.read_bytes() == listed
    assert [item.revision for item in elsewhere] == [item.revision for item in seeded]
    assert len({item.domain for item in seeded}) == 7
    assert all(Path(item.url).is_relative_to(layout.root) for item in seeded)


@pytest.mark.slow
def test_the_demos_round_is_the_one_that_its_recipes_name(layout: Layout, repo: str) -> None:
    seeded = {item.name: item for item in seed_tiny(layout)}
    record = ensure_first_round(layout)

    assert {name for name, _ in record.pins} == set(seeded)
    assert record.pin(repo) is None
    assert len(record.held_out) == 1
    assert record.cut_off < min(item.committed_at for item in seeded.values())
    for name in record.held_out:
        snapshot_repo(layout, name)

        assert check_snapshot(layout, name).passed


def test_a_tiny_name_that_the_user_took_is_refused(layout: Layout, upstream: Upstream) -> None:
    add_source(layout, str(upstream.path), name="pocketini")

    with pytest.raises(SourceError, match="pocketini"):
        seed_tiny(layout)
    assert find_source(layout, "pocketini").url == str(upstream.path)


@pytest.mark.real
def test_real_clones_come_in_whole_and_are_scanned_in_seconds(layout: Layout) -> None:
    clones = real_clones()
    refused = []
    for name, clone in clones.items():
        try:
            add_source(layout, str(clone), name=name)
            snapshot_repo(layout, name)
        except SourceError as error:
            refused.append(str(error))
            continue

        assert check_snapshot(layout, name).passed

    assert all("a partial clone" in words for words in refused)
    assert len(refused) < len(clones)
