"""A tree that no answer made, and calls that the agent did not log, are not judged."""

from __future__ import annotations

from pathlib import Path

import pytest

from cra_pipeline.contracts.calls import CallRecord
from cra_pipeline.contracts.tasks import Outcome
from cra_pipeline.gold.book import Budget, GoldBook
from cra_pipeline.integrations.clean_room.doubts import doubted
from cra_pipeline.integrations.clean_room.endings import RunEnding
from cra_pipeline_tests.integrations.clean_room.test_endings import CALL, left
from cra_pipeline_tests.integrations.raw_db.databases import attempt_database, insert, opened

BASE = {"a.py": "x = 1\ny = 1\n", "b.py": "z = 1\n"}
BOOK = GoldBook(
    statement="do it",
    subject="do it",
    before=BASE,
    after={"a.py": "x = 2\ny = 1\n"},
    symbols=(),
    test_files=frozenset(),
    budget=Budget(context_window=32768, reserved_tokens=13312, max_tokens=4096),
)
EDIT = (
    '<edit file="a.py">\n<search>\nx = 1\n</search>\n<replacement>\nx = 2\n</replacement>\n</edit>'
)
MADE = {"a.py": b"x = 2\ny = 1\n"}
DONE = RunEnding(status="complete")


def answered(kind: str, response: str, number: int = 0) -> CallRecord:
    return CALL.model_copy(
        update={
            "number": number,
            "call_kind": kind,
            "prompt": f"{kind} {number}",
            "response": response,
        }
    )


def database(folder: Path, *calls: CallRecord) -> bytes:
    """The agent's own log of some calls."""
    path = attempt_database(folder / "raw.sqlite")
    with opened(path) as connection:
        connection.execute("BEGIN")
        for call in calls:
            insert(
                connection,
                "retrieval_llm_calls",
                task_id="t",
                call_type=call.call_kind,
                model="m",
                system_prompt=call.system,
                prompt=call.prompt,
                response=call.response,
                latency_ms=1,
            )
        connection.execute("COMMIT")
    with opened(path) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    return path.read_bytes()


def test_the_tree_that_the_answers_make_is_judged(tmp_path: Path) -> None:
    call = answered("implement", EDIT)

    assert doubted(DONE, left(database(tmp_path, call), changed=MADE), BOOK, [call]) == DONE


@pytest.mark.parametrize(
    ("changed", "deleted", "words"),
    [
        ({"a.py": b"x = 9\ny = 1\n"}, (), "a.py: differs"),
        ({**MADE, "b.py": b"z = 9\n"}, (), "b.py: differs"),
        ({**MADE, "new.py": b"n = 1\n"}, (), "new.py: differs"),
        ({}, (), "a.py: an answer changed it"),
        (MADE, ("b.py",), "b.py: no answer can delete it"),
    ],
)
def test_a_tree_that_no_answer_made_is_not_judged(
    tmp_path: Path, changed: dict[str, bytes], deleted: tuple[str, ...], words: str
) -> None:
    call = answered("implement", EDIT)
    run = left(database(tmp_path, call), changed=changed, deleted=deleted)
    found = doubted(DONE, run, BOOK, [call])

    assert (found.outcome, found.reason) == (Outcome.AGENT_ERROR, "tree_differs")
    assert words in found.detail


def test_a_call_that_the_agent_did_not_log_is_foreign(tmp_path: Path) -> None:
    call, planted = answered("implement", EDIT), answered("meta_plan", "{}", 1)
    run = left(database(tmp_path, call), changed=MADE)
    found = doubted(DONE, run, BOOK, [call, planted])

    assert (found.outcome, found.reason) == (Outcome.AGENT_ERROR, "foreign_calls")
    assert found.detail.startswith("1 answered calls")


def test_a_test_plan_that_the_agent_threw_away_is_no_foreign_call(tmp_path: Path) -> None:
    call, thrown = answered("implement", EDIT), answered("test_plan", "no tests", 1)
    run = left(database(tmp_path, call), changed=MADE)

    assert doubted(DONE, run, BOOK, [call, thrown]) == DONE


def test_an_answer_that_does_not_apply_changes_nothing(tmp_path: Path) -> None:
    useless = answered("implement", EDIT.replace("x = 1", "q = 1"))
    call = answered("implement", EDIT, 1)
    run = left(database(tmp_path, useless, call), changed=MADE)

    assert doubted(DONE, run, BOOK, [useless, call]) == DONE
