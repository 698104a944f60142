"""The arms of a gate on a task of the holdout: the stand-in agent, real tests, real sockets.

One server answers for base, incumbent and candidate: the base always says no, adapters yes. The
tests build on each other in the order in which they stand.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from cra_pipeline.contracts.gates import GateReport, HoldoutAnswer, HoldoutAttempt
from cra_pipeline.contracts.record import Record
from cra_pipeline.contracts.reports import Progress, silent
from cra_pipeline.contracts.tasks import TaskRow
from cra_pipeline.contracts.workspace import Layout
from cra_pipeline.errors import CheckError, RegistryError
from cra_pipeline.harness.arms import BASE_HALF, TOGETHER
from cra_pipeline.harness.holdout import HoldoutPolicy
from cra_pipeline.harness.stage.holdout_attempts import (
    Means,
    OpenFleet,
    answers_path,
    hold_attempts,
    hold_bases,
)
from cra_pipeline.harness.stage.holdout_cells import CELLS, log_path, trace_path
from cra_pipeline.harness.stage.holdout_check import check_holdout_attempts
from cra_pipeline.integrations.evidence import seal_table, write_check
from cra_pipeline.integrations.files import read_table, write_record, write_table
from cra_pipeline.integrations.sandbox.bubblewrap import BubblewrapSandbox
from cra_pipeline_tests.contracts.regenerate import example
from cra_pipeline_tests.harness.holdout_worlds import (
    ADAPTERS,
    BASE,
    BASE_ID,
    KEY,
    REPO,
    ROUND,
    make_world,
    named_models,
    put_in_service,
    runner,
    seal_checked,
    write_base,
)

pytestmark = pytest.mark.slow

ASSET = "holdout_attempts"


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory, till: Path) -> Layout:
    return make_world(tmp_path_factory.mktemp("holdout") / "home", till)


def held(layout: Layout, key: str = KEY, *, progress: Progress = silent, most: int = 0) -> None:
    hold_attempts(layout, key, means(layout, progress=progress, most=most))


def means(
    layout: Layout, *, fleet: OpenFleet = named_models, progress: Progress = silent, most: int = 0
) -> Means:
    return Means(
        policy=HoldoutPolicy(limit=most),
        runner=runner(layout),
        sandbox=BubblewrapSandbox(),
        fleet=fleet,
        progress=progress,
    )


def attempts(layout: Layout) -> tuple[HoldoutAttempt, ...]:
    return read_table(layout.table(ASSET, KEY), HoldoutAttempt)


def answers(layout: Layout) -> tuple[HoldoutAnswer, ...]:
    return read_table(answers_path(layout, KEY), HoldoutAnswer)


def tables(layout: Layout) -> list[bytes]:
    folder = layout.partition(ASSET, KEY)
    return [path.read_bytes() for path in sorted(folder.iterdir())]


def made(layout: Layout) -> int:
    return len((layout.partition(CELLS, REPO) / "timings.jsonl").read_text().splitlines())


def test_both_arms_attempt_the_same_task_and_differ_in_the_gated_kind_alone(world: Layout) -> None:
    told: list[str] = []
    held(world, progress=lambda done, total, what: told.append(f"{done}/{total} {what}"))
    rows = attempts(world)
    said = {arm: [row for row in answers(world) if row.arm == arm] for arm in ("base", "candidate")}

    assert [(row.arm, row.model) for row in rows] == [
        ("base", BASE),
        ("candidate", f"{BASE}+{ADAPTERS[KEY]}"),
    ]
    assert {row.reason for row in rows} == {"after_cut_off"}
    assert all(row.outcome in {"passed", "failed"} for row in rows), rows
    assert all(row.calls == len(said[row.arm]) > 0 for row in rows)
    assert {row.call_kind for found in said.values() for row in found} == {"scope"}
    assert {row.answered for row in said["base"]} == {False}
    assert {row.answered for row in said["candidate"]} == {True}
    assert any(row.expected is True for row in said["candidate"])
    assert [line.partition(" ")[0] for line in told] == ["1/2", "2/2"]
    assert all("min left" in line for line in told)
    assert check_holdout_attempts(world, KEY).findings == ()


def test_nothing_of_it_reaches_what_training_reads(world: Layout) -> None:
    assert not (world.root / "attempts").exists()
    assert not (world.root / "triples").exists()
    assert not world.raw_db.exists()


def test_a_second_run_makes_and_serves_nothing_and_writes_the_same_bytes(world: Layout) -> None:
    before, count = tables(world), made(world)
    started = []

    @contextmanager
    def watched(layout: Layout) -> Any:  # noqa: ANN401  # a fleet in a block
        with named_models(layout) as fleet:
            yield fleet
            started.append(fleet.started)

    hold_attempts(world, KEY, means(world, fleet=watched))

    assert tables(world) == before
    assert made(world) == count
    assert started == [0]


def test_an_incumbent_adds_its_own_arm_and_nothing_is_made_again(world: Layout) -> None:
    count = made(world)
    put_in_service(world)
    held(world)

    assert [(row.arm, row.model) for row in attempts(world)] == [
        ("base", BASE),
        ("incumbent", f"{BASE}+{ADAPTERS['scope|r00']}"),
        ("candidate", f"{BASE}+{ADAPTERS[KEY]}"),
    ]
    assert made(world) == count + 1
    assert check_holdout_attempts(world, KEY).passed


def test_an_attempt_without_its_log_is_made_again(world: Layout) -> None:
    count = made(world)
    row = attempts(world)[0]
    log_path(world, REPO, row.attempt_id).unlink()

    assert any("no request log" in found for found in check_holdout_attempts(world, KEY).findings)
    held(world)
    assert made(world) == count + 1
    assert check_holdout_attempts(world, KEY).passed


def test_one_candidate_alone_is_the_whole_new_set_and_costs_nothing_more(world: Layout) -> None:
    count = made(world)
    report = example(GateReport)
    assert isinstance(report, GateReport)
    told = {"adapter_kind": "scope", "round": ROUND, "decision": "passed"}
    write_record(world.partition("gate_report", KEY) / "gate.json", report.model_copy(update=told))
    together = f"{TOGETHER}|{ROUND}"
    with pytest.raises(CheckError, match="gate_report"):
        held(world, together)
    seal_checked(world, "gate_report", KEY)
    held(world, together)
    rows = read_table(world.table(ASSET, together), HoldoutAttempt)

    assert [(row.adapter_kind, row.arm, row.model) for row in rows] == [
        (TOGETHER, row.arm, row.model) for row in attempts(world)
    ]
    assert made(world) == count
    assert check_holdout_attempts(world, together).passed


def test_where_no_candidate_passed_there_is_nothing_to_hold(world: Layout) -> None:
    report = world.partition("gate_report", KEY) / "gate.json"
    report.unlink()
    together = f"{TOGETHER}|{ROUND}"
    held(world, together)

    assert read_table(world.table(ASSET, together), HoldoutAttempt) == ()
    assert check_holdout_attempts(world, together).passed


def test_a_tuned_base_is_held_against_the_untuned_one_in_its_plans(world: Layout) -> None:
    write_base(world, "tiny-4k-base-v2", "e" * 64)
    told = means(world)
    with pytest.raises(CheckError, match="same files"):
        hold_bases(world, ROUND, untuned=BASE_ID, tuned=BASE_ID, means=told)
    hold_bases(world, ROUND, untuned=BASE_ID, tuned="tiny-4k-base-v2", means=told)
    key = f"{BASE_HALF}|{ROUND}"
    rows = read_table(world.table(ASSET, key), HoldoutAttempt)
    said = read_table(answers_path(world, key), HoldoutAnswer)

    assert [(row.arm, row.model) for row in rows] == [("base", BASE), ("candidate", "e" * 64)]
    assert all(row.outcome not in {"passed", "model_error"} for row in rows), rows
    assert {row.call_kind for row in said} == {"meta_plan"}
    assert {(row.response, row.score) for row in said} == {("no", 0.0)}
    assert check_holdout_attempts(world, key).findings == ()


def changed(row: Record, **told: object) -> Any:  # noqa: ANN401  # of the row's own kind
    return row.model_copy(update=told)


def without_an_arm(layout: Layout) -> None:
    rows = [row for row in attempts(layout) if row.arm != "base"]
    write_table(layout.table(ASSET, KEY), rows, HoldoutAttempt)


def other_outcome(layout: Layout) -> None:
    first, *rest = attempts(layout)
    flipped = "passed" if first.outcome == "failed" else "failed"
    write_table(layout.table(ASSET, KEY), [changed(first, outcome=flipped), *rest], HoldoutAttempt)


def no_outcome(layout: Layout) -> None:
    first, *rest = attempts(layout)
    write_table(layout.table(ASSET, KEY), [changed(first, outcome="won"), *rest], HoldoutAttempt)


def other_side(layout: Layout) -> None:
    rows = [changed(row, reason="held_out_repository") for row in attempts(layout)]
    write_table(layout.table(ASSET, KEY), rows, HoldoutAttempt)


def other_model(layout: Layout) -> None:
    *rest, last = attempts(layout)
    write_table(layout.table(ASSET, KEY), [*rest, changed(last, model=BASE)], HoldoutAttempt)


def other_response(layout: Layout) -> None:
    first, *rest = answers(layout)
    write_table(answers_path(layout, KEY), [changed(first, response="yes"), *rest], HoldoutAnswer)


def other_prompt(layout: Layout) -> None:
    first, *rest = answers(layout)
    edited = changed(first, prompt_sha256="0" * 64)
    write_table(answers_path(layout, KEY), [edited, *rest], HoldoutAnswer)


@pytest.mark.parametrize(
    ("edit", "words"),
    [
        (without_an_arm, "base: answered by []"),
        (other_outcome, "its trace says"),
        (no_outcome, "outcome 'won' is none"),
        (other_side, "said to be held_out_repository, by round record and git after_cut_off"),
        (other_model, "candidate: answered by"),
        (other_response, "is not so in its log"),
        (other_prompt, "is not so in its log"),
    ],
)
def test_rows_that_are_no_evidence_fail_the_check(
    world: Layout, edit: Callable[[Layout], None], words: str
) -> None:
    folder = world.partition(ASSET, KEY)
    before = {path: path.read_bytes() for path in folder.iterdir()}
    edit(world)
    report = check_holdout_attempts(world, KEY)
    for path, content in before.items():
        path.write_bytes(content)

    assert "the tables are not those that the manifest describes" in report.findings
    assert any(words in finding for finding in report.findings), report.findings
    assert check_holdout_attempts(world, KEY).passed


def test_a_damaged_repository_costs_its_own_attempts_and_says_why(world: Layout) -> None:
    row = attempts(world)[0]
    trace = trace_path(world, REPO, row.attempt_id)
    content, snapshot = trace.read_bytes(), world.table("repo_packages", REPO)
    packages = snapshot.read_bytes()
    snapshot.write_bytes(b"torn")
    held(world)
    lost = attempts(world)
    snapshot.write_bytes(packages)

    assert {row.outcome for row in lost} == {"sandbox_error"}
    assert all("repo_packages" in row.detail and str(world.root) not in row.detail for row in lost)
    assert check_holdout_attempts(world, KEY).passed
    held(world)
    assert {row.outcome for row in attempts(world)} <= {"passed", "failed"}
    assert trace.read_bytes() == content


def test_an_incumbent_whose_files_are_gone_is_no_arm_that_is_left_out(world: Layout) -> None:
    ledger = world.registry / "ledger.jsonl"
    content = ledger.read_bytes()
    ledger.write_bytes(b"")
    try:
        with pytest.raises(RegistryError, match="scope-v1 was in service"):
            held(world)
    finally:
        ledger.write_bytes(content)


def test_tasks_that_changed_since_are_refused(world: Layout) -> None:
    rows = read_table(world.table("tasks", REPO), TaskRow)
    told = [changed(row, statement=f"{row.statement} And more.") for row in rows]
    manifest = seal_table(world, "tasks", REPO, told, TaskRow, reasons=[], inputs=[], policy="{}")
    write_check(world, manifest, [])

    with pytest.raises(CheckError, match=f"holdout of {ROUND}: .* is another task by now"):
        held(world)
