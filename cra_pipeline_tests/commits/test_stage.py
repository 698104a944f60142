"""The stage on small real histories: every trap with its reason, windows, guards, repetition."""

from __future__ import annotations

from pathlib import Path

import pytest

from cra_pipeline.commits.policy import FilterPolicy
from cra_pipeline.commits.stage import check_commits, filter_commits, judge_history
from cra_pipeline.contracts.commits import CommitRow
from cra_pipeline.contracts.sources import RepoSnapshot
from cra_pipeline.contracts.workspace import Layout
from cra_pipeline.errors import BusyError, CheckError, GitError, SourceError
from cra_pipeline.integrations.evidence import require_checked, seal_table, write_check
from cra_pipeline.integrations.files import partition_lock, read_table, write_table
from cra_pipeline.integrations.git.run import git
from cra_pipeline_tests.histories import Upstream, drop_object

CORE = "pkg/core.py"
TEST = "tests/test_core.py"
WIDE = {f"pkg/m{number}.py": "x = 1\n" for number in range(13)}


def judged(upstream: Upstream, **numbers: int) -> dict[str, CommitRow]:
    policy = FilterPolicy(**numbers)
    rows = judge_history(upstream.path / ".git", "demo", policy=policy, revision="HEAD")
    return {row.sha: row for row in rows}


@pytest.fixture
def upstream(tmp_path: Path) -> Upstream:
    made = Upstream(tmp_path / "upstream")
    made.commit({CORE: "def one():\n    return 1\n", TEST: "def test_one(): ...\n"}, "Add one")
    return made


@pytest.fixture
def snapshot(tmp_path: Path, upstream: Upstream) -> Layout:
    upstream.commit({CORE: "def one():\n    return 2\n"}, "Return two in one")
    upstream.commit({"README.md": "text\n"}, "Describe the one function")
    return checked_snapshot(tmp_path, upstream)


def checked_snapshot(tmp_path: Path, upstream: Upstream) -> Layout:
    layout = Layout(tmp_path / "workspace")
    layout.snapshot("demo").parent.mkdir(parents=True)
    clone = upstream.bare(layout.snapshot("demo"))
    head = git(clone, "rev-parse", "HEAD").decode().strip()
    git(clone, "update-ref", "refs/heads/pinned", head)
    row = RepoSnapshot(
        repo="demo",
        url="/somewhere",
        revision=head,
        commits=int(git(clone, "rev-list", "--count", head)),
        tags=(),
        domain="demo",
        licence="MIT",
    )
    manifest = seal_table(
        layout, "repo_snapshots", "demo", [row], RepoSnapshot, reasons=[], inputs=[], policy="{}"
    )
    write_check(layout, manifest, [])
    return layout


@pytest.mark.parametrize(
    ("files", "message", "reason"),
    [
        ({CORE: "def one():\n    return 2\n"}, "Return two in one", ""),
        ({CORE: "x = 2\n"}, 'Revert "Return two in one"', "revert"),
        ({CORE: "x = 2\n"}, "Release version 1.2.0", "release"),
        ({"requirements.txt": "a==2\n"}, "Bump a from 1.0 to 2.0", "dependency_bump"),
        ({}, "Trigger the build again", "empty"),
        ({"docs/use.rst": "text\n"}, "Add support for links", "docs_only"),
        ({".github/workflows/ci.yml": "a: 1\n"}, "Run tests on every push", "ci_only"),
        ({CORE: "x = 2\n"}, "Fix it", "message_too_short"),
        ({CORE: "x = 2\n"}, "WIP: return two in one", "message_vague"),
        ({CORE: "x = 2\n"}, "Support for two in one", "message_not_imperative"),
        ({"logo.dat": b"\0\1\2"}, "Add the new logo", "binary_only"),
        ({"logo.png": b"text"}, "Add the new logo", "binary_only"),
        ({"setup.cfg": "[a]\n"}, "Move metadata to setup.cfg", "no_python"),
        ({"pkg/a.pyi": "x: int\n"}, "Add stubs for one", "no_python"),
        (WIDE, "Add many modules at once", "too_many_files"),
        ({"setup.py": "x = 1\n"}, "Add a setup script", "no_source_file"),
        ({CORE: b"x = 1\0\n"}, "Store a strange byte", "python_not_text"),
        ({CORE: "x = 1\n" * 200}, "Write x many times", "too_many_lines"),
        (dict(list(WIDE.items())[:6]), "Add six modules at once", "many_files_nothing_new"),
        ({"other/thing.py": "x = 1\n"}, "Add another thing module", "no_tests"),
        ({TEST: "def test_two(): ...\n"}, "Test two as well", ""),
        ({CORE: "x = 1\r\ny = 2\r\n"}, "Use other line ends", ""),
        ({CORE: "x = '\xe9'\n".encode("latin-1")}, "Use a latin letter", ""),
        ({'pkg/odd "x"\n.py': "x = 1\n", TEST: "def test_x(): ...\n"}, "Add a strange name", ""),
    ],
)
def test_the_first_failing_rule_is_the_reason(
    upstream: Upstream, files: dict[str, str | bytes], message: str, reason: str
) -> None:
    sha = upstream.commit(files, message)
    row = judged(upstream)[sha]

    assert row.reason == reason
    assert row.qualified == (not reason)
    assert bool(row.evidence) == bool(reason)


def test_what_only_git_can_make_has_reasons_of_its_own(upstream: Upstream) -> None:
    root = upstream.run("rev-parse", "HEAD")
    (upstream.path / "link.py").symlink_to("pkg/core.py")
    linked = upstream.commit({}, "Link to the core module")
    upstream.run("update-index", "--add", "--cacheinfo", f"160000,{root},sub")
    upstream.run("commit", "--quiet", "-m", "Add a submodule here")
    held = upstream.run("rev-parse", "HEAD")
    (upstream.path / "sub").mkdir()
    upstream.run("checkout", "--quiet", "-b", "side", root)
    side = upstream.commit({CORE: "def one():\n    return 3\n"}, "Return three in one")
    upstream.run("checkout", "--quiet", "main")
    upstream.run("merge", "--quiet", "--no-ff", "-m", "Merge the side branch", "side")
    merge = upstream.run("rev-parse", "HEAD")
    (upstream.path / CORE).chmod(0o755)
    upstream.run("commit", "--quiet", "-a", "-m", "Make the module executable")
    mode = upstream.run("rev-parse", "HEAD")
    upstream.run("checkout", "--quiet", "--orphan", "alone")
    second_root = upstream.commit({CORE: "x = 1\n"}, "Start once more")
    rows = judged(upstream)
    upstream.run("checkout", "--quiet", "main")
    rows |= judged(upstream)

    assert rows[root].reason == rows[second_root].reason == "root_commit"
    assert rows[linked].reason == "symlinks_only"
    assert rows[held].reason == "submodules_only"
    assert rows[merge].reason == "merge"
    assert rows[mode].reason == "empty"
    assert rows[side].qualified
    assert rows[side].base_sha == root


def test_a_path_that_is_no_utf8_cannot_be_worked_on(upstream: Upstream) -> None:
    (upstream.path / "pkg" / "caf\udce9.py").write_text("x = 1\n")
    sha = upstream.commit({}, "Add a module with an odd name")
    row = judged(upstream)[sha]

    assert row.reason == "path_not_utf8"
    assert row.source_files == ("pkg/caf\\xe9.py",)
    assert row.canonical_json().encode()


def test_a_rename_counts_as_one_deleted_and_one_added_file(upstream: Upstream) -> None:
    upstream.run("mv", CORE, "pkg/renamed.py")
    sha = upstream.commit({"pkg/renamed.py": "def one():\n    return 9\n"}, "Rename the core")
    row = judged(upstream)[sha]

    assert row.source_files == (CORE, "pkg/renamed.py")
    assert (row.added_lines, row.deleted_lines) == (2, 2)


def test_many_files_with_new_symbols_are_a_meta_plan(upstream: Upstream) -> None:
    files = {f"pkg/m{number}.py": "class New: ...\n" for number in range(6)}
    sha = upstream.commit({**files, TEST: "def test_new(): ...\n"}, "Add a class of six parts")
    row = judged(upstream)[sha]

    assert row.type == "meta-plan"
    assert row.also_types == ("step-plan", "test-plan")


def test_planning_types_follow_what_changed(upstream: Upstream) -> None:
    source = upstream.commit({CORE: "def one():\n    return 4\n"}, "Return four in one")
    both = upstream.commit({CORE: "x = 5\n", TEST: "def test_5(): ...\n"}, "Store five in core")
    tests = upstream.commit({"tests/test_more.py": "def test_5(): ...\n"}, "Test five once more")
    rows = judged(upstream, window_commits=0)
    types = [(rows[sha].type, rows[sha].also_types) for sha in (source, both, tests)]

    assert types == [("step-plan", ()), ("step-plan", ("test-plan",)), ("test-plan", ())]


@pytest.mark.parametrize("fix_first", [True, False])
def test_a_fix_and_its_test_become_one_window(upstream: Upstream, *, fix_first: bool) -> None:
    base = upstream.run("rev-parse", "HEAD")
    fix = ({"pkg/fresh.py": "def fresh():\n    return 1\n"}, "Add a fresh function")
    test = ({"tests/test_fresh.py": "def test_fresh(): ...\n"}, "Test the fresh function")
    first, last = (fix, test) if fix_first else (test, fix)
    earlier = upstream.commit(*first)
    upstream.commit({"README.md": "text\n"}, "Describe something else")
    later = upstream.commit(*last)
    rows = judged(upstream)

    assert rows[later].qualified
    assert rows[later].window == (earlier, later)
    assert rows[later].base_sha == base
    assert rows[later].subject == "Add a fresh function"
    assert rows[later].kind() == "source-and-tests"
    assert rows[earlier].reason == "joined_into_window"
    assert later in rows[earlier].evidence


def test_a_test_is_tied_to_a_fix_by_the_names_it_uses(upstream: Upstream) -> None:
    upstream.commit({"pkg/odd.py": "def rarely_named():\n    return 1\n"}, "Add a rare function")
    later = upstream.commit({"tests/test_all.py": "assert rarely_named()\n"}, "Test rare things")
    other = upstream.commit({"tests/test_rest.py": "assert unrelated()\n"}, "Test other things")
    rows = judged(upstream)

    assert len(rows[later].window) == 2
    assert len(rows[other].window) == 1


@pytest.mark.parametrize(
    ("between", "numbers"),
    [
        ({"pkg/fresh.py": "def fresh():\n    return 2\n"}, {}),
        ({"tests/test_fresh.py": "x = 1\n"}, {}),
        ({"README.md": "text\n"}, {"window_commits": 1}),
        ({"README.md": "text\n"}, {"window_days": -1}),
        ({"README.md": "text\n"}, {"max_lines": 3}),
    ],
)
def test_a_window_is_refused_where_something_stands_between(
    upstream: Upstream, between: dict[str, str], numbers: dict[str, int]
) -> None:
    files = {"pkg/fresh.py": "def fresh():\n    return 1\n"}
    earlier = upstream.commit(files, "Add a fresh function")
    # Too short a message: this commit is no candidate itself, it only stands in the way.
    upstream.commit(between, "Fix it")
    later = upstream.commit({"tests/test_fresh.py": "def test_f(): ...\n"}, "Test the function")
    rows = judged(upstream, **numbers)

    assert earlier not in rows[later].window
    assert rows[earlier].window == (earlier,)


def test_a_window_never_spans_a_merge(upstream: Upstream) -> None:
    upstream.run("branch", "side")
    earlier = upstream.commit({"pkg/fresh.py": "def fresh(): ...\n"}, "Add a fresh function")
    upstream.run("checkout", "--quiet", "side")
    upstream.commit({"pkg/other.py": "x = 1\n"}, "Add another module")
    upstream.run("checkout", "--quiet", "main")
    upstream.run("merge", "--quiet", "--no-ff", "-m", "Merge the side branch", "side")
    later = upstream.commit({"tests/test_fresh.py": "def test_f(): ...\n"}, "Test the function")
    rows = judged(upstream)

    assert rows[later].window == (later,)
    assert rows[earlier].window == (earlier,)


@pytest.mark.slow
def test_the_table_is_checked_and_a_second_run_writes_the_same_bytes(snapshot: Layout) -> None:
    told: list[tuple[int, int]] = []
    report = filter_commits(snapshot, "demo", progress=lambda done, of, _: told.append((done, of)))
    first = _bytes(snapshot)
    again = filter_commits(snapshot, "demo")

    assert check_commits(snapshot, "demo").passed
    assert _bytes(snapshot) == first
    assert report.plot == again.plot
    assert report.preview[0] == {"rule": "root_commit", "rejected": "1", "left": "2"}
    assert told == [(1, 1)]
    assert require_checked(snapshot, "commits", "demo").content_id == report.manifest.content_id


def test_rows_stand_newest_first_with_the_symbols_of_the_qualified(snapshot: Layout) -> None:
    filter_commits(snapshot, "demo")
    rows = read_table(snapshot.table("commits", "demo"), CommitRow)
    symbols = [[symbol.name for symbol in row.symbols] for row in rows]

    assert [row.reason for row in rows] == ["docs_only", "", "root_commit"]
    assert symbols == [[], ["one"], []]


def test_a_killed_symbol_pass_goes_on_where_it_was(snapshot: Layout) -> None:
    filter_commits(snapshot, "demo")
    whole = _bytes(snapshot)
    journal = snapshot.journal("commits", "demo")
    finished = journal.read_bytes()
    journal.write_bytes(finished + finished[:20])
    snapshot.table("commits", "demo").unlink()
    told: list[str] = []
    filter_commits(snapshot, "demo", progress=lambda _, __, what: told.append(what))

    assert _bytes(snapshot) == whole
    assert not told


def test_an_unchecked_snapshot_is_refused(snapshot: Layout) -> None:
    snapshot.check("repo_snapshots", "demo").unlink()

    with pytest.raises(CheckError, match="run: cra-pipeline run repo_snapshots --repo demo"):
        filter_commits(snapshot, "demo")


def test_a_history_without_python_is_refused(tmp_path: Path) -> None:
    upstream = Upstream(tmp_path / "upstream")
    upstream.commit({"main.c": "int main;\n"}, "Add a program in C")
    layout = checked_snapshot(tmp_path, upstream)

    with pytest.raises(SourceError, match=r"none of 1 commits touches a \.py file"):
        filter_commits(layout, "demo")
    assert not layout.table("commits", "demo").exists()


def test_a_missing_blob_is_named(snapshot: Layout) -> None:
    clone = snapshot.snapshot("demo")
    blob = git(clone, "rev-parse", f"HEAD~1:{CORE}").decode().strip()
    drop_object(clone, blob)

    with pytest.raises(GitError, match=blob):
        filter_commits(snapshot, "demo")
    assert not snapshot.table("commits", "demo").exists()


def test_two_runs_on_one_partition_are_refused(snapshot: Layout) -> None:
    with partition_lock(snapshot, "commits", "demo"), pytest.raises(BusyError):
        filter_commits(snapshot, "demo")


def test_a_table_that_lost_a_row_fails_its_check(snapshot: Layout) -> None:
    filter_commits(snapshot, "demo")
    table = snapshot.table("commits", "demo")
    write_table(table, read_table(table, CommitRow)[1:], CommitRow)
    report = check_commits(snapshot, "demo")

    assert report.findings == ("2 rows for a history of 3 commits",)


def _bytes(layout: Layout) -> tuple[bytes, bytes]:
    return (
        layout.table("commits", "demo").read_bytes(),
        layout.manifest("commits", "demo").read_bytes(),
    )
