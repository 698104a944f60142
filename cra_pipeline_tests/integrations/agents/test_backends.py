"""One test for every backend: its runs repeat, say what they change, and fail as outcomes."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from cra_pipeline.contracts.agents import AgentRun
from cra_pipeline.contracts.ports import AgentBackend
from cra_pipeline.contracts.tasks import Outcome
from cra_pipeline.diffs import Blob
from cra_pipeline.errors import AgentError
from cra_pipeline.integrations.agents.supplies import Supplies
from cra_pipeline.integrations.agents.table import BACKENDS, opened_backend
from cra_pipeline_tests.conftest import DISCOUNT, LIBRARY
from cra_pipeline_tests.integrations.clean_room.beds import (
    Bed,
    make_bed,
    make_environment,
    program_of,
)

START: dict[str, str | bytes] = {**LIBRARY, "gone.py": "old = 1\n", "rates.csv": "1\n"}
COMMIT: dict[str, str | bytes] = {
    **DISCOUNT,
    "rates.csv": "2\n",
    "tax.py": "def tax(total):\n    if total > 1:\n        return total + 1\n    return 0\n",
}
CODE = {path: str(text) for path, text in COMMIT.items() if not path.startswith("tests/")}
"""What the task's right answer touches; its tests are hidden."""


@dataclass(frozen=True)
class Case:
    """One backend, opened on the same task as all others."""

    name: str
    backend: AgentBackend
    bed: Bed
    files: dict[str, str]

    def run(self, plan_number: int, attempt_id: str) -> AgentRun:
        """Carry out one of its plans."""
        plan = self.backend.plans(self.bed.task, self.files)[plan_number]
        return self.backend.run(self.bed.task, plan, self.files, f"{self.name}-{attempt_id}")


@pytest.fixture(scope="module")
def bed(tmp_path_factory: pytest.TempPathFactory) -> Bed:
    """A task that edits, adds and deletes code and changes data."""
    environment = make_environment(tmp_path_factory.mktemp("envs") / "lock")
    place = tmp_path_factory.mktemp("bed")
    return make_bed(place, environment, start=START, commit=COMMIT, gone=("gone.py",))


@pytest.fixture(scope="module", params=sorted(BACKENDS))
def case(request: pytest.FixtureRequest, bed: Bed) -> Iterator[Case]:
    files = {path: str(text) for path, text in START.items() if path in {*CODE, "gone.py"}}
    with opened_backend(request.param, bed.supplies()) as backend:
        yield Case(request.param, backend, bed, files)


def test_plans_repeat_under_the_backend_s_own_name_and_differ(case: Case) -> None:
    first, second = (case.backend.plans(case.bed.task, dict(case.files)) for _ in range(2))

    assert first == second
    assert first
    assert {plan.agent for plan in first} == {case.name} == {case.backend.name}
    assert len({plan.digest() for plan in first}) == len(first)


@pytest.mark.slow
def test_a_run_repeats_and_says_what_it_changes(case: Case) -> None:
    first, second = (case.run(0, attempt) for attempt in ("one", "two"))

    assert first.outcome is None
    assert first.proposal == second.proposal
    assert first.proposal.files
    assert all(case.files.get(file.path) != file.text for file in first.proposal.files)
    assert not {file.path for file in first.proposal.files} & set(first.proposal.deleted)
    assert [call.prompt for call in first.calls] == [call.prompt for call in second.calls]


def test_every_plan_s_proposal_bears_its_plan(case: Case) -> None:
    plans = case.backend.plans(case.bed.task, case.files)
    for number, plan in enumerate(plans[:2]):
        proposal = case.run(number, f"plan{number}").proposal

        assert (proposal.agent, proposal.configuration) == (plan.agent, plan.configuration)
        assert (proposal.temperature, proposal.seed) == (plan.temperature, plan.seed)


@pytest.mark.slow
def test_threads_may_share_a_backend(case: Case) -> None:
    plan = case.backend.plans(case.bed.task, case.files)[0]

    def run(number: int) -> AgentRun:
        name = f"{case.name}-thread{number}"
        # The same work under another name: a mutant's draw would follow the name.
        other = {} if case.name == "mutant" else {"task_id": name}
        task = case.bed.task.model_copy(update=other)
        return case.backend.run(task, plan, case.files, name)

    with ThreadPoolExecutor(3) as pool:
        runs = list(pool.map(run, range(3)))

    assert [item.proposal for item in runs] == [case.run(0, "alone").proposal] * 3


def test_its_fingerprint_stays(case: Case) -> None:
    assert case.backend.fingerprint == case.backend.fingerprint != ""


def test_a_change_that_cannot_be_said_is_an_outcome_or_no_plan(case: Case) -> None:
    logo = {"logo.bin": Blob("100644", b"\0")}
    after = {**case.bed.materials.after, **logo}
    bed = replace(case.bed, materials=replace(case.bed.materials, after=after))
    with opened_backend(case.name, bed.supplies()) as backend:
        plans = backend.plans(bed.task, case.files)
        runs = [backend.run(bed.task, plan, case.files, f"{case.name}-logo") for plan in plans]

    assert all("logo.bin" in run.proposal.problem for run in runs)
    assert all((run.proposal.files, run.proposal.deleted) == ((), ()) for run in runs)


@pytest.fixture
def files() -> dict[str, str]:
    """Texts at the base of what the right answer touches."""
    return {path: str(text) for path, text in START.items() if path in {*CODE, "gone.py"}}


def test_gold_is_the_commit_itself(bed: Bed, files: dict[str, str]) -> None:
    with opened_backend("gold_patch", bed.supplies()) as backend:
        (plan,) = backend.plans(bed.task, files)
        proposal = backend.run(bed.task, plan, files, "gold").proposal

    assert {file.path: file.text for file in proposal.files} == CODE
    assert proposal.deleted == ("gone.py",)


def test_near_misses_keep_to_their_number_and_leave_data_right(
    bed: Bed, files: dict[str, str]
) -> None:
    with opened_backend("mutant", bed.supplies()) as backend:
        plans = backend.plans(bed.task, files)
        proposals = [backend.run(bed.task, plan, files, "miss").proposal for plan in plans]
    changes = [({file.path: file.text for file in item.files}, item.deleted) for item in proposals]

    assert len(plans) == 5
    assert all(texts["rates.csv"] == CODE["rates.csv"] for texts, _ in changes)
    assert (CODE, ("gone.py",)) not in changes
    assert all(changes.count(change) == 1 for change in changes)


def test_the_agent_reproduces_the_commit_with_its_tests(bed: Bed) -> None:
    with opened_backend("clean_room", bed.supplies()) as backend:
        (plan,) = backend.plans(bed.task, {})
        run = backend.run(bed.task, plan, {}, "reproduces")

    assert (run.reproduced, run.usable, run.status) == (True, True, "complete")
    assert {file.path: file.text for file in run.proposal.files} == COMMIT
    assert run.proposal.deleted == ("gone.py",)
    assert run.calls


def without_campaign(supplies: Supplies) -> Supplies:
    return replace(supplies, campaign=None)


def without_sandbox(supplies: Supplies) -> Supplies:
    return replace(supplies, sandbox=None)


def with_another_program(supplies: Supplies) -> Supplies:
    assert supplies.campaign is not None
    return replace(supplies, campaign=supplies.campaign.model_copy(update={"program": "0" * 64}))


@pytest.mark.parametrize(
    ("lacking", "words"),
    [
        (without_campaign, "within a campaign"),
        (without_sandbox, "and a sandbox only"),
        (with_another_program, "CRA_PIPELINE_AGENT_PYTHON"),
    ],
)
def test_an_agent_that_lacks_what_it_needs_does_not_open(
    bed: Bed,
    monkeypatch: pytest.MonkeyPatch,
    lacking: Callable[[Supplies], Supplies],
    words: str,
) -> None:
    monkeypatch.delenv("CRA_PIPELINE_AGENT_PYTHON", raising=False)
    with (
        pytest.raises(AgentError, match=words),
        opened_backend("clean_room", lacking(bed.supplies())),
    ):
        pass


def test_an_unknown_name_is_refused_with_the_known_ones(bed: Bed) -> None:
    with pytest.raises(ValueError, match="clean_room, gold_patch, mutant"):
        opened_backend("nobody", bed.supplies())


def test_an_index_that_fails_is_an_outcome(bed: Bed, tmp_path: Path) -> None:
    broken = bed.with_program(program_of(tmp_path, "pass", indexing="sys.exit('no grammar')"))
    run = broken.attempt("broken")

    assert (run.outcome, run.reason) == (Outcome.AGENT_ERROR, "index_failed")
    assert "no grammar" in run.detail
