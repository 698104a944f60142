"""The harness on a real history, in a real sandbox."""

from __future__ import annotations

import subprocess
from collections.abc import Mapping

import pytest

from cra_pipeline.contracts.sandbox import Ending
from cra_pipeline.contracts.tasks import AttemptRow, Outcome, TaskRow
from cra_pipeline.contracts.testrun import TestRunReport, TestRunRequest
from cra_pipeline.contracts.triples import PreferencePair, TripleRow
from cra_pipeline.contracts.workspace import Layout
from cra_pipeline.diffs import Blob, unified_diff
from cra_pipeline.errors import BusyError, CheckError, RoundError
from cra_pipeline.harness.controls import CATEGORIES
from cra_pipeline.harness.edits import apply_edits
from cra_pipeline.harness.policy import AttemptPolicy, TaskPolicy
from cra_pipeline.harness.stage.attempts import check_attempts, run_attempts
from cra_pipeline.harness.stage.scoring import score_patch
from cra_pipeline.harness.stage.tasks import admit_tasks, check_tasks
from cra_pipeline.harness.stage.triples import check_triples, label_triples
from cra_pipeline.integrations.files import partition_lock, read_table
from cra_pipeline.pairs.stage import check_pairs, pair_preferences
from cra_pipeline_tests.harness.benches import report
from cra_pipeline_tests.harness.conftest import BOUNDED, REPO, START, Ledger
from cra_pipeline_tests.histories import drop_object

KEY = f"{REPO}|r01"
QUICK = AttemptPolicy(mutants=2)


def tables(layout: Layout) -> dict[str, bytes]:
    names = [("tasks", REPO), ("attempts", KEY), ("triples", KEY), ("preference_pairs", KEY)]
    return {name: layout.table(name, key).read_bytes() for name, key in names}


def tasks_of(layout: Layout) -> dict[str, TaskRow]:
    return {row.sha: row for row in read_table(layout.table("tasks", REPO), TaskRow)}


class Refusing:
    """A runner that runs nothing, for what must come from the journal or must not be run."""

    def __init__(self, ending: Ending | None = None) -> None:
        self.ending = ending
        self.asked = 0

    def run(self, request: TestRunRequest) -> TestRunReport:
        self.asked += 1
        if self.ending is None:
            raise AssertionError(f"asked to run {request.test_files}")
        return report({}, ending=self.ending)


@pytest.mark.slow
def test_a_history_becomes_tasks_attempts_triples_and_pairs(ledger: Ledger) -> None:
    layout = ledger.layout
    admitted = admit_tasks(layout, REPO, runner=ledger.runner)
    tasks = tasks_of(layout)

    assert {sha: row.reason for sha, row in tasks.items()} == {
        ledger.bounded: "",
        ledger.polite: "",
        ledger.green: "no_fail_to_pass",
        ledger.exact: "",
    }
    assert check_tasks(layout, REPO).findings == ()
    assert {item.label: item.count for item in admitted.manifest.counts} == {
        "admitted": 3,
        "no_fail_to_pass": 1,
    }
    assert tasks[ledger.bounded].fail_to_pass == (
        "tests/test_sums.py::test_bounded",
        "tests/test_sums.py::test_total",
    )
    assert tasks[ledger.exact].kind == "tests-only"
    first = min(row.task_id for row in tasks.values() if row.admitted and not row.mutants)
    full = {row.task_id for row in tasks.values() if len(row.controls) == 1 + len(CATEGORIES)}
    assert full == {first}

    attempts = run_attempts(layout, REPO, "r01", policy=QUICK, runner=ledger.runner)
    rows = read_table(layout.table("attempts", KEY), AttemptRow)
    gold = [row for row in rows if row.agent == "gold_patch"]

    assert check_attempts(layout, REPO, "r01").findings == ()
    assert [row.outcome for row in gold] == [Outcome.PASSED] * 3
    assert attempts.manifest.rows == len(rows) > 3
    assert any(row.outcome is Outcome.FAILED for row in rows)

    label_triples(layout, REPO, "r01")
    triples = read_table(layout.table("triples", KEY), TripleRow)

    assert check_triples(layout, REPO, "r01").findings == ()
    assert len({row.task_id for row in triples}) == 3
    assert all(row.output == row.right_answer for row in triples if row.attempt_id in
               {item.attempt_id for item in gold})  # fmt: skip
    bounded = next(row for row in triples if row.sha == ledger.bounded)
    before = {"ledger/sums.py": str(START["ledger/sums.py"])}
    assert apply_edits(before, bounded.right_answer)["ledger/sums.py"] == BOUNDED["ledger/sums.py"]
    assert "test_bounded" not in bounded.prompt

    pair_preferences(layout, REPO, "r01")
    pairs = read_table(layout.table("preference_pairs", KEY), PreferencePair)

    assert check_pairs(layout, REPO, "r01").findings == ()
    assert pairs
    assert all("_failed" in pair.reason or "mutant" in pair.reason for pair in pairs)

    written = tables(layout)
    silent = Refusing()
    admit_tasks(layout, REPO, runner=silent)
    run_attempts(layout, REPO, "r01", policy=QUICK, runner=silent)
    label_triples(layout, REPO, "r01")
    pair_preferences(layout, REPO, "r01")

    assert tables(layout) == written
    judged_patches(ledger, tasks)
    bad_input(ledger)


def judged_patches(ledger: Ledger, tasks: Mapping[str, TaskRow]) -> None:
    """Patches from outside, on the workspace that took so long to make."""

    def scored(sha: str, patch: bytes) -> tuple[Outcome, str]:
        row = score_patch(ledger.layout, ledger.task(sha), patch, runner=ledger.runner)
        return row.outcome, row.reason

    gold = tasks[ledger.bounded].gold_patch.encode()
    latin = tasks[ledger.polite].gold_patch.encode()
    edited = {"tests/test_sums.py": Blob("100644", b"def test_bounded():\n    pass\n")}
    old = {"tests/test_sums.py": Blob("100644", str(START["tests/test_sums.py"]).encode())}
    config = {"pytest.ini": Blob("100644", b"[pytest]\naddopts = -k total\n")}

    assert scored(ledger.bounded, gold) == (Outcome.PASSED, "")
    assert scored(ledger.polite, latin) == (Outcome.PASSED, "")
    assert b"GIT binary patch" in latin
    assert scored(ledger.bounded, gold.replace(b"amount < low", b"amount > low + 5")) == (
        Outcome.FAILED,
        "fail_to_pass_failed",
    )
    assert scored(ledger.bounded, unified_diff(old, edited).encode()) == (
        Outcome.FAILED,
        "fail_to_pass_failed",
    )
    assert scored(ledger.bounded, gold + unified_diff({}, config).encode()) == (
        Outcome.FAILED,
        "forbidden_edit",
    )
    assert scored(ledger.bounded, b"nonsense") == (Outcome.AGENT_ERROR, "patch_does_not_apply")
    assert scored(ledger.exact, tasks[ledger.exact].test_patch.encode()) == (Outcome.PASSED, "")
    # Latin-1 text in a patch that speaks of it byte for byte.
    text = "--- a/ledger/words.py\n+++ b/ledger/words.py\n@@ -4 +4 @@\n"
    lines = "-    return name\r\n+    return 'Salut \xe9' + name\r\n"
    assert scored(ledger.polite, (text + lines).encode("latin-1")) == (Outcome.PASSED, "")


def bad_input(ledger: Ledger) -> None:
    """Refusals that need a finished workspace."""
    layout = ledger.layout
    for task, words in [
        ("nobody", "no task"),
        (f"{REPO}-000000000000", "no task"),
        (ledger.task(ledger.green), "not admitted"),
    ]:
        with pytest.raises(CheckError, match=words):
            score_patch(layout, task, b"", runner=Refusing())
    with pytest.raises(RoundError, match="r07 is not opened"):
        run_attempts(layout, REPO, "r07", runner=Refusing())
    record = read_record_of(layout).replace('"cut_off": ', '"cut_off": 1')
    (layout.rounds / "r02.json").write_text(record.replace('"r01"', '"r02"'))
    late = run_attempts(layout, REPO, "r02", runner=Refusing())
    assert [(item.label, item.count) for item in late.manifest.counts] == [("of_another_round", 3)]
    lost = record.replace('"r01"', '"r03"').replace(ledger.exact, "0" * 40)
    (layout.rounds / "r03.json").write_text(lost)
    with pytest.raises(RoundError, match="lacks"):
        run_attempts(layout, REPO, "r03", runner=Refusing())


def read_record_of(layout: Layout) -> str:
    return (layout.rounds / "r01.json").read_text()


@pytest.mark.slow
def test_a_sandbox_that_does_not_start_is_no_fault_of_the_commit_and_tried_again(
    ledger: Ledger,
) -> None:
    policy = TaskPolicy(kinds=("source-and-tests",), limit=1)
    broken = Refusing(Ending.NOT_STARTED)
    admit_tasks(ledger.layout, REPO, policy=policy, runner=broken)
    first = tasks_of(ledger.layout)[ledger.green].reason
    again = Refusing(Ending.TIMED_OUT)
    admit_tasks(ledger.layout, REPO, policy=policy, runner=again)

    assert first == "sandbox_error"
    assert broken.asked == 2
    assert tasks_of(ledger.layout)[ledger.green].reason == "gold_timed_out"


def test_unchecked_packages_and_a_partition_at_work_are_refused(ledger: Ledger) -> None:
    with partition_lock(ledger.layout, "tasks", REPO), pytest.raises(BusyError):
        admit_tasks(ledger.layout, REPO, runner=Refusing())
    ledger.layout.check("repo_packages", REPO).unlink()
    with pytest.raises(CheckError, match="repo_packages"):
        admit_tasks(ledger.layout, REPO, runner=Refusing())


@pytest.mark.slow
def test_a_commit_whose_files_are_missing_is_refused_alone(ledger: Ledger) -> None:
    policy = TaskPolicy(kinds=("source-and-tests",))
    snapshot = ledger.layout.snapshot(REPO)
    blob = subprocess.run(
        ["git", f"--git-dir={snapshot}", "rev-parse", f"{ledger.polite}:ledger/words.py"],
        capture_output=True,
        text=True,
        check=True,
    ).stdout.strip()
    drop_object(snapshot, blob)
    admit_tasks(ledger.layout, REPO, policy=policy, runner=Refusing(Ending.TIMED_OUT))
    rows = tasks_of(ledger.layout)

    assert rows[ledger.polite].reason == "unreadable_tree"
    assert blob in rows[ledger.polite].evidence
    assert str(ledger.layout.root) not in rows[ledger.polite].evidence
    assert rows[ledger.bounded].reason == "gold_timed_out"
