"""One test for every backend: proposals repeat, and say what they change."""

from __future__ import annotations

import pytest

from cra_pipeline.contracts.tasks import TaskRow
from cra_pipeline.integrations.agents.table import BACKENDS, Oracle, load_backend

BEFORE = {"a.py": "def f(x):\n    return x\n", "gone.py": "old = 1\n", "data.txt": "1\n"}
AFTER = {
    "a.py": "def f(x):\n    if x > 1:\n        return x + 1\n    return 0\n",
    "data.txt": "2\n",
    "new.py": "N = True\n",
}
TASK = TaskRow(
    task_id="demo-1",
    repo="demo",
    sha="1" * 40,
    base_sha="2" * 40,
    window=("1" * 40,),
    committed_at=0,
    kind="source-and-tests",
    planning_type="step-plan",
    admitted=True,
    reason="",
    evidence="",
    statement="Do it",
    gold_patch="",
    test_patch="",
    deleted_files=(),
    test_files=(),
    protected_files=(),
    fail_to_pass=("t.py::t",),
    pass_to_pass=(),
    quarantined=(),
    gold_runs=(),
    controls=(),
    mutants_killed=0,
    mutants=(),
    weak_tests=(),
    lock_hash="",
)


def known(_: TaskRow) -> dict[str, str]:
    return dict(AFTER)


def unknown(_: TaskRow) -> dict[str, str]:
    raise ValueError("logo.png is no text")


@pytest.mark.parametrize("name", sorted(BACKENDS))
def test_a_backend_proposes_the_same_again_under_its_own_name(name: str) -> None:
    first, second = (
        load_backend(name, Oracle(right_answer=known, most=5, seed=0)).propose(TASK, dict(BEFORE))
        for _ in range(2)
    )

    assert first == second
    assert first
    assert {item.agent for item in first} == {name}
    assert len({item.configuration for item in first}) == len(first)
    for item in first:
        assert all(BEFORE.get(file.path) != file.text for file in item.files)
        assert not {file.path for file in item.files} & set(item.deleted)


def test_gold_is_the_commit_itself() -> None:
    backend = load_backend("gold_patch", Oracle(right_answer=known, most=5, seed=0))
    (gold,) = backend.propose(TASK, dict(BEFORE))

    assert {file.path: file.text for file in gold.files} == AFTER
    assert gold.deleted == ("gone.py",)


def test_gold_that_is_no_text_says_so() -> None:
    backend = load_backend("gold_patch", Oracle(right_answer=unknown, most=5, seed=0))
    (gold,) = backend.propose(TASK, dict(BEFORE))

    assert gold.problem == "logo.png is no text"
    assert (gold.files, gold.deleted) == ((), ())


def test_near_misses_keep_to_their_number_and_leave_other_files_right() -> None:
    backend = load_backend("mutant", Oracle(right_answer=known, most=4, seed=0))
    found = backend.propose(TASK, dict(BEFORE))

    assert len(found) == 4
    assert all("data.txt" in {file.path for file in item.files} for item in found)
    assert len({item.configuration.partition("#")[0] for item in found}) == 4


def test_a_near_miss_of_a_change_without_text_is_none() -> None:
    backend = load_backend("mutant", Oracle(right_answer=unknown, most=4, seed=0))

    assert backend.propose(TASK, dict(BEFORE)) == ()


def test_an_unknown_name_is_refused_with_the_known_ones() -> None:
    with pytest.raises(ValueError, match="gold_patch, mutant"):
        load_backend("nobody", Oracle(right_answer=known, most=1, seed=0))
