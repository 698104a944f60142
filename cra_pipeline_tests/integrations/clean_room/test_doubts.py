"""A tree that no answer made, and calls that the agent did not log, are not judged."""

from __future__ import annotations

from pathlib import Path

import pytest

from cra_pipeline.contracts.calls import CallRecord
from cra_pipeline.contracts.tasks import Outcome
from cra_pipeline.integrations.clean_room.doubts import doubted
from cra_pipeline.integrations.clean_room.endings import RunEnding
from cra_pipeline_tests.integrations.clean_room.test_endings import CALL, left
from cra_pipeline_tests.integrations.raw_db.databases import attempt_database, insert, opened

BASE = {"a.py": "x = 1\ny = 1\n", "b.py": "z = 1\n"}
EDIT = (
    '<edit file="a.py">\n<search>\nx = 1\n</search>\n<replacement>\nx = 2\n</replacement>\n</edit>'
)
MADE = {"a.py": b"x = 2\ny = 1\n"}
DONE = RunEnding(status="complete")


def base_tree(folder: Path, **more: bytes) -> Path:
    """The base on disk; ``__`` in a name stands for a dot."""
    tree = folder / "tree"
    tree.mkdir(exist_ok=True)
    for path, text in BASE.items():
        (tree / path).write_text(text)
    for name, content in more.items():
        (tree / name.replace("__", ".")).write_bytes(content)
    return tree


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

    assert (
        doubted(DONE, left(database(tmp_path, call), changed=MADE), base_tree(tmp_path), [call])
        == DONE
    )


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
    found = doubted(DONE, run, base_tree(tmp_path), [call])

    assert (found.outcome, found.reason) == (Outcome.AGENT_ERROR, "tree_differs")
    assert words in found.detail


def test_a_call_that_the_agent_did_not_log_is_foreign(tmp_path: Path) -> None:
    call, planted = answered("implement", EDIT), answered("meta_plan", "{}", 1)
    run = left(database(tmp_path, call), changed=MADE)
    found = doubted(DONE, run, base_tree(tmp_path), [call, planted])

    assert (found.outcome, found.reason) == (Outcome.AGENT_ERROR, "foreign_calls")
    assert found.detail.startswith("1 answered calls")


def test_a_test_plan_that_the_agent_threw_away_is_no_foreign_call(tmp_path: Path) -> None:
    call, thrown = answered("implement", EDIT), answered("test_plan", "no tests", 1)
    run = left(database(tmp_path, call), changed=MADE)

    assert doubted(DONE, run, base_tree(tmp_path), [call, thrown]) == DONE


def test_an_answer_that_does_not_apply_changes_nothing(tmp_path: Path) -> None:
    useless = answered("implement", EDIT.replace("x = 1", "q = 1"))
    call = answered("implement", EDIT, 1)
    run = left(database(tmp_path, useless, call), changed=MADE)

    assert doubted(DONE, run, base_tree(tmp_path), [useless, call]) == DONE


CHANGES = (
    '<edit file="{path}">\n<search>\nold\nlines\n</search>\n<replacement>\nnew\n</replacement>\n'
    "</edit>"
)


@pytest.mark.parametrize(
    ("content", "made"),
    [
        (b"top\nold\nlines\nend\n", b"top\nnew\nend\n"),
        (b"top\r\nold\r\nlines\r\nend\r\n", b"top\nnew\nend\n"),
        (b"top\rold\rlines\rend\r", b"top\nnew\nend\n"),
    ],
)
@pytest.mark.parametrize("path", ["CHANGELOG.md", "setup.cfg", "c.py"])
def test_an_edit_of_any_text_file_is_replayed_as_the_agent_reads_it(
    tmp_path: Path, path: str, content: bytes, made: bytes
) -> None:
    call = answered("implement", EDIT + CHANGES.format(path=path))
    tree = base_tree(tmp_path, **{path.replace(".", "__"): content})
    run = left(database(tmp_path, call), changed={**MADE, path: made})

    assert doubted(DONE, run, tree, [call]) == DONE


def test_a_file_that_is_no_text_is_edited_by_no_answer(tmp_path: Path) -> None:
    call = answered("implement", EDIT + CHANGES.format(path="l.txt"))
    tree = base_tree(tmp_path, l__txt=b"\xe9\nold\nlines\n")
    run = left(database(tmp_path, call), changed={**MADE, "l.txt": b"\xe9\nnew\n"})

    assert doubted(DONE, run, tree, [call]).reason == "tree_differs"


@pytest.mark.parametrize("path", ["../secret.txt", "way_out.txt", ".git/config"])
def test_nothing_beside_the_base_is_read(tmp_path: Path, path: str) -> None:
    call = answered("implement", CHANGES.format(path=path))
    (tmp_path / "secret.txt").write_text("old\nlines\n")
    tree = base_tree(tmp_path)
    (tree / "way_out.txt").symlink_to("../secret.txt")
    (tree / ".git").mkdir()
    (tree / ".git" / "config").write_text("old\nlines\n")

    assert doubted(DONE, left(database(tmp_path, call)), tree, [call]) == DONE


LOST = (
    "assembly_refilter",
    "documentation",
    "part_plan",
    "symbol_targeting",
    "step_design",
    "step_dependency",
    "adjustment",
)


@pytest.mark.parametrize("kind", LOST)
def test_plans_of_a_part_that_was_passed_over_are_no_foreign_calls(
    tmp_path: Path, kind: str
) -> None:
    call, thrown = answered("implement", EDIT), answered(kind, "no plan", 1)
    run = left(database(tmp_path, call), changed=MADE)

    assert doubted(DONE, run, base_tree(tmp_path), [call, thrown]) == DONE
