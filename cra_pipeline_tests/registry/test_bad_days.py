"""Full disks, locked databases, damaged ledgers, odd clocks, two callers: what serves stays."""

from __future__ import annotations

import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path

import pytest

from cra_pipeline.contracts.workspace import Layout
from cra_pipeline.errors import BusyError, PipelineError, RegistryError, StoreError
from cra_pipeline.integrations.raw_db import opening
from cra_pipeline.registry.stage import book as book_module
from cra_pipeline.registry.stage.book import head_path, held, ledger_path, read_book
from cra_pipeline.registry.stage.promoting import promote, roll_back
from cra_pipeline.registry.stage.registering import register
from cra_pipeline.registry.stage.settling import settled
from cra_pipeline_tests.registry.databases import active, marked
from cra_pipeline_tests.registry.worlds import World, vet
from cra_pipeline_tests.wheels import small_disk

RACER = """
import sys, time
from pathlib import Path
from cra_pipeline.contracts.workspace import Layout
from cra_pipeline.errors import RegistryError
from cra_pipeline.registry.stage.promoting import promote

home, kind, version = sys.argv[1:]
print("ready", flush=True)
sys.stdin.readline()
try:
    promote(Layout(Path(home)), kind, version)
except RegistryError as error:
    print(error)
    sys.exit(1)
"""


@pytest.fixture
def world(layout: Layout) -> World:
    """One version serves, a second one is ready to."""
    world = World(layout=layout)
    world.serve()
    world.gated(round_name="r02")
    register(layout, "scope", "r02", vet=vet)
    return world


def second(layout: Layout) -> None:
    promote(layout, "scope", "scope-v2")


def serves(layout: Layout) -> str:
    """What serves once everything is settled, by every account."""
    with settled(layout) as found:
        version = found.standing.active.get("scope", "")
    assert active(layout) == marked(layout) == version
    return version


@pytest.mark.parametrize("number", [0, 1, 2, 3])
@pytest.mark.parametrize("removed", [True, False])
def test_a_ledger_with_a_line_removed_or_edited_moves_nothing(
    world: World, number: int, *, removed: bool
) -> None:
    path = ledger_path(world.layout)
    lines = path.read_text().splitlines(keepends=True)
    lines[number] = "" if removed else lines[number].replace('"at":1', '"at":2')
    path.write_text("".join(lines))

    for act in (second, lambda x: roll_back(x, "scope", reason="ada: slow")):
        with pytest.raises(RegistryError, match=rf"line {number + 1} .*restore ledger\.jsonl"):
            act(world.layout)
    assert active(world.layout) == marked(world.layout) == "scope-v1"


def test_a_ledger_that_is_gone_moves_nothing(world: World) -> None:
    ledger_path(world.layout).unlink()

    with pytest.raises(RegistryError, match="line 1 is missing"):
        second(world.layout)
    assert active(world.layout) == "scope-v1"


def test_a_head_that_is_gone_moves_nothing(world: World) -> None:
    head_path(world.layout).unlink()

    with pytest.raises(RegistryError, match="line 2 is unknown"):
        second(world.layout)
    assert active(world.layout) == "scope-v1"


@pytest.mark.parametrize("databases", [True, False])
def test_a_ledger_that_is_gone_with_its_head_gives_no_number_out_twice(
    world: World, *, databases: bool
) -> None:
    ledger_path(world.layout).unlink()
    head_path(world.layout).unlink()
    if not databases:
        world.layout.curated_db.unlink()
    before = kept_files(world.layout)

    for act in (
        second,
        lambda x: roll_back(x, "scope", reason="ada: slow"),
        lambda x: register(x, "scope", "r01", vet=vet),
    ):
        with pytest.raises(RegistryError, match=r"lost or exchanged: .*restore"):
            act(world.layout)
    assert kept_files(world.layout) == before


def test_a_ledger_that_was_exchanged_for_an_older_one_moves_nothing(layout: Layout) -> None:
    world = World(layout=layout)
    world.serve()
    older = {path: path.read_bytes() for path in (ledger_path(layout), head_path(layout))}
    world.serve(round_name="r02")
    for path, content in older.items():
        path.write_bytes(content)

    with pytest.raises(RegistryError, match="has 1 versions of scope, but there was scope-v2"):
        roll_back(layout, "scope", reason="ada: slow")
    assert active(layout) == marked(layout) == "scope-v2"


def kept_files(layout: Layout) -> dict[str, bytes]:
    """Everything that versions keep."""
    folder = layout.registry / "versions"
    return {str(path): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_a_clock_that_goes_back_is_held_at_the_last_line(world: World) -> None:
    before = read_book(world.layout).lines[-1].at

    promote(world.layout, "scope", "scope-v2", clock=lambda: 1.0)

    assert {line.at for line in read_book(world.layout).lines[-2:]} == {before}
    assert serves(world.layout) == "scope-v2"


@contextmanager
def agent_reads(layout: Layout) -> Iterator[None]:
    """An agent has both databases open, so that their shared memory is there already."""
    with ExitStack() as stack:
        for path in (layout.raw_db, layout.curated_db):
            reader = stack.enter_context(closing(sqlite3.connect(path)))
            reader.execute("SELECT count(*) FROM sqlite_master").fetchone()
        yield


def test_a_disk_that_is_full_when_the_intent_is_written_changes_nothing(world: World) -> None:
    before = ledger_path(world.layout).read_bytes()

    with (
        agent_reads(world.layout),
        small_disk(64),
        pytest.raises(StoreError, match=r"ledger\.jsonl: could not be written"),
    ):
        second(world.layout)

    assert ledger_path(world.layout).read_bytes() == before
    assert serves(world.layout) == "scope-v1"


def test_a_disk_that_is_full_in_the_raw_database_leaves_the_old_version(world: World) -> None:
    # The ledger still fits, the database's journal does not.
    most = ledger_path(world.layout).stat().st_size + 1500
    with (
        agent_reads(world.layout),
        small_disk(most),
        pytest.raises(StoreError, match=r"raw\.sqlite"),
    ):
        second(world.layout)

    assert read_book(world.layout).lines[-1].act == "promotion_intended"
    assert active(world.layout) == "scope-v1"
    assert serves(world.layout) == "scope-v1"
    assert read_book(world.layout).lines[-1].act == "promotion_undone"
    second(world.layout)
    assert serves(world.layout) == "scope-v2"


@pytest.mark.parametrize("name", ["raw_db", "curated_db"])
def test_a_locked_database_leaves_the_old_version(
    world: World, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    path: Path = getattr(world.layout, name)
    monkeypatch.setattr(opening, "WAIT_S", 0.05)
    with closing(sqlite3.connect(path, isolation_level=None)) as holder:
        holder.execute("BEGIN IMMEDIATE")
        with pytest.raises(StoreError, match=f"{path.name}: database is locked: another process"):
            second(world.layout)
        assert active(world.layout) == "scope-v1"
        holder.execute("ROLLBACK")

    assert serves(world.layout) == "scope-v1"
    assert read_book(world.layout).lines[-1].act == "promotion_undone"


@pytest.mark.parametrize("name", ["raw_db", "curated_db"])
def test_a_database_of_another_program_is_left_as_it_is(world: World, name: str) -> None:
    path: Path = getattr(world.layout, name)
    table = {"raw_db": "adapter_registry", "curated_db": "adapter_metadata"}[name]
    with closing(sqlite3.connect(path)) as connection:
        connection.execute(f"ALTER TABLE {table} ADD COLUMN colour TEXT")

    with pytest.raises(StoreError, match=f"{table}.colour is unknown"):
        second(world.layout)
    assert active(world.layout) == "scope-v1"


def test_a_curated_database_of_an_agent_keeps_its_other_tables(layout: Layout) -> None:
    layout.curated_db.parent.mkdir(parents=True)
    with closing(sqlite3.connect(layout.curated_db)) as connection:
        connection.execute("CREATE TABLE repos (id INTEGER PRIMARY KEY, path TEXT)")
        connection.execute("INSERT INTO repos VALUES (1, '/repo')")
        connection.commit()

    World(layout=layout).serve()

    with closing(sqlite3.connect(layout.curated_db)) as connection:
        assert connection.execute("SELECT path FROM repos").fetchall() == [("/repo",)]
    assert active(layout) == "scope-v1"


def race(layout: Layout, *wanted: tuple[str, str]) -> list[tuple[int, str]]:
    """Promotions by processes that start at the same moment: exit status and words of each."""
    pipe = subprocess.PIPE
    runs = [
        subprocess.Popen(
            [sys.executable, "-c", RACER, str(layout.root), *one],
            stdin=pipe,
            stdout=pipe,
            text=True,
        )
        for one in wanted
    ]
    for run in runs:
        assert run.stdout is not None
        assert run.stdout.readline() == "ready\n"
    for run in runs:
        assert run.stdin is not None
        run.stdin.write("go\n")
        run.stdin.flush()
    said = [run.communicate(timeout=120)[0] for run in runs]
    return [(run.returncode, words) for run, words in zip(runs, said, strict=True)]


@pytest.mark.slow
def test_of_two_promotions_at_once_one_serves_and_the_other_is_told_why(world: World) -> None:
    world.gated(round_name="r03")
    register(world.layout, "scope", "r03", vet=vet)

    ended = race(world.layout, ("scope", "scope-v2"), ("scope", "scope-v3"))

    assert sorted(status for status, _ in ended) == [0, 1]
    (refusal,) = (words for status, words in ended if status)
    winner = serves(world.layout)
    assert winner in {"scope-v2", "scope-v3"}
    assert f"{winner} is in service, but the gate compared with scope-v1" in refusal
    assert [line.act for line in read_book(world.layout).lines[-2:]] == [
        "promotion_intended", "promotion_done",
    ]  # fmt: skip


@pytest.mark.slow
def test_the_same_promotion_twice_at_once_is_made_once(world: World) -> None:
    ended = race(world.layout, ("scope", "scope-v2"), ("scope", "scope-v2"))

    assert [status for status, _ in ended] == [0, 0]
    assert [line.act for line in read_book(world.layout).lines].count("promotion_done") == 2
    assert serves(world.layout) == "scope-v2"


def test_who_waits_too_long_is_told_and_changes_nothing(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(book_module, "WAIT_S", 0.05)
    with held(world.layout), pytest.raises(BusyError, match="held by another run"):
        second(world.layout)

    assert serves(world.layout) == "scope-v1"


def test_every_refusal_is_a_text_for_the_user(world: World) -> None:
    shutil.rmtree(world.layout.partition("gate_report", "scope|r02"))

    with pytest.raises(PipelineError, match="run: cra-pipeline run gate_report"):
        second(world.layout)
    assert serves(world.layout) == "scope-v1"
