"""Work is remembered unit by unit and repeated only where it has to be."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from cra_pipeline.contracts.manifests import Count
from cra_pipeline.contracts.reports import silent
from cra_pipeline.contracts.workspace import Layout
from cra_pipeline.integrations.journals import Crew, Line, work_through

UNITS = {f"key{number}": number for number in range(6)}


class Workers:
    """Counts what was asked of it."""

    def __init__(self, failing: int | None = None) -> None:
        self.asked: list[int] = []
        self.failing = failing

    def __call__(self, number: int) -> Count:
        self.asked.append(number)
        if number == self.failing:
            raise OSError("no more")
        return Count(label="odd" if number % 2 else "even", count=number)


def crew(root: Path, *, lasting: str = "", lost: int = -1) -> Crew[Count]:
    return Crew(
        layout=Layout(root),
        asset="tasks",
        partition="demo",
        line=Line[Count],
        words=lambda row: row.label,
        lasting=lambda row: row.label != lasting,
        whole=lambda row: row.count != lost,
        progress=silent,
        workers=2,
    )


def test_results_come_in_the_order_of_the_units_and_are_asked_once(tmp_path: Path) -> None:
    first, second = Workers(), Workers()
    found = crew(tmp_path).results(UNITS, first, name=str)
    again = crew(tmp_path).results(UNITS, second, name=str)

    assert [row.count for row in found.values()] == list(range(6))
    assert again == found
    assert sorted(first.asked) == list(range(6))
    assert second.asked == []


def test_a_new_key_is_new_work_and_the_others_stay(tmp_path: Path) -> None:
    crew(tmp_path).results(UNITS, Workers(), name=str)
    workers = Workers()
    found = crew(tmp_path).results({"key1": 1, "changed": 9}, workers, name=str)

    assert workers.asked == [9]
    assert list(found) == ["key1", "changed"]


def test_what_is_the_machines_fault_is_tried_again(tmp_path: Path) -> None:
    crew(tmp_path, lasting="odd").results(UNITS, Workers(), name=str)
    workers = Workers()
    crew(tmp_path).results(UNITS, workers, name=str)

    assert sorted(workers.asked) == [1, 3, 5]


def test_a_result_that_lost_its_files_is_made_again(tmp_path: Path) -> None:
    crew(tmp_path).results(UNITS, Workers(), name=str)
    workers = Workers()
    crew(tmp_path, lost=4).results(UNITS, workers, name=str)

    assert workers.asked == [4]


def test_an_error_ends_the_work_and_keeps_what_was_finished(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="no more"):
        crew(tmp_path).results(UNITS, Workers(failing=3), name=str)
    workers = Workers()
    crew(tmp_path).results(UNITS, workers, name=str)

    assert 3 in workers.asked
    assert len(workers.asked) < len(UNITS)


def test_a_torn_line_is_work_in_flight(tmp_path: Path) -> None:
    crew(tmp_path).results(UNITS, Workers(), name=str)
    journal = Layout(tmp_path).journal("tasks", "demo")
    journal.write_bytes(journal.read_bytes()[:-5])
    workers = Workers()
    crew(tmp_path).results(UNITS, workers, name=str)

    assert len(workers.asked) == 1


def test_times_lie_beside_the_journal_and_not_in_it(tmp_path: Path) -> None:
    crew(tmp_path).results(UNITS, Workers(), name=str)
    folder = Layout(tmp_path).partition("tasks", "demo")

    assert (folder / "timings.jsonl").read_text().count("seconds") == len(UNITS)
    assert "seconds" not in (folder / "journal.jsonl").read_text()


def test_results_are_handed_over_in_the_callers_thread() -> None:
    threads = set()
    work_through(
        range(8),
        lambda number: number,
        lambda _, __: threads.add(threading.current_thread()),
        workers=4,
    )

    assert threads == {threading.main_thread()}
