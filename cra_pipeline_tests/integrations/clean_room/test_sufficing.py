"""A task that the commit's own data solves is asked of nobody."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from cra_pipeline.contracts.ports import Sandbox
from cra_pipeline.contracts.sandbox import Ending, SandboxRequest, SandboxResult
from cra_pipeline.contracts.tasks import Outcome
from cra_pipeline.integrations.sandbox.bubblewrap import BubblewrapSandbox
from cra_pipeline_tests.conftest import DISCOUNT, LIBRARY
from cra_pipeline_tests.integrations.clean_room.beds import OLD_TEST, PLAN, Bed, make_bed

TILL = (
    "import json\nfrom pathlib import Path\n\n"
    'RATES = json.loads(Path(__file__).with_name("rates.json").read_text())\n\n\n'
    'def total(prices, kind="usual"):\n    """Add up prices."""\n'
    "    return sum(prices) - RATES[kind]\n"
)
OLD = LIBRARY["tests/test_till.py"]
NEW = f'{OLD}\n\ndef test_members():\n    assert total([1, 2], "members") == 2\n'
START = {**LIBRARY, "till.py": TILL, "rates.json": '{"usual": 0}\n'}
COMMIT = {
    "till.py": TILL.replace("Add up prices", "Add up prices less the rate of their kind"),
    "rates.json": '{"usual": 0, "members": 1}\n',
    "tests/test_till.py": NEW,
}
MEMBERS = "tests/test_till.py::test_members"


class Refusing(Sandbox):
    """Indexes, and runs no test."""

    def run(self, request: SandboxRequest) -> SandboxResult:
        if request.secret:
            return BubblewrapSandbox().run(request).model_copy(
                update={"ending": Ending.NOT_STARTED, "detail": "no room"}
            )  # fmt: skip
        return BubblewrapSandbox().run(request)


def rates_bed(place: Path, env_folder: Path, *, quarantined: tuple[str, ...] = ()) -> Bed:
    """The commit's fix lies in ``rates.json``; of the code it changes a docstring alone."""
    bed = make_bed(place, env_folder, start=START, commit=COMMIT)
    told = {"fail_to_pass": (MEMBERS,), "quarantined": quarantined}
    return replace(bed, task=bed.task.model_copy(update=told))


def test_a_task_that_its_given_files_solve_is_asked_of_nobody(
    tmp_path: Path, env_folder: Path
) -> None:
    bed = rates_bed(tmp_path, env_folder)
    first, second = bed.attempt("a1"), bed.attempt("a2")

    assert (first.outcome, first.reason) == (Outcome.INEXPRESSIBLE, "given_files_suffice")
    assert first.calls == ()
    assert first.proposal.files == ()
    assert second.reason == first.reason
    assert len(list(bed.layout.root.glob("agent_bases/*/control-*.json"))) == 1
    assert list(bed.layout.scratch.iterdir()) == []


def test_a_task_that_needs_an_edit_beside_its_given_files_is_asked(
    tmp_path: Path, env_folder: Path
) -> None:
    bed = make_bed(tmp_path, env_folder, commit={**DISCOUNT, "rates.json": "{}\n"})
    run = bed.attempt()

    assert (run.outcome, run.status, run.reproduced) == (None, "complete", True)
    assert len(list(bed.layout.root.glob("agent_bases/*/control-*.json"))) == 1


def test_where_nothing_is_given_no_control_is_run(bed: Bed) -> None:
    bed.attempt()

    assert not list(bed.layout.root.glob("agent_bases/*/control-*.json"))


@pytest.mark.parametrize("kept", [OLD_TEST, MEMBERS])
def test_one_expected_test_that_fails_is_enough_to_ask(
    tmp_path: Path, env_folder: Path, kept: str
) -> None:
    bed = rates_bed(tmp_path, env_folder)
    gone = f"{kept}_of_another_name"
    told = {"fail_to_pass": (gone,)} if kept == MEMBERS else {"pass_to_pass": (gone,)}
    run = replace(bed, task=bed.task.model_copy(update=told)).attempt()

    assert run.reason != "given_files_suffice"
    assert run.calls


def test_a_control_that_could_not_start_is_the_machine_s_fault(
    tmp_path: Path, env_folder: Path
) -> None:
    bed = rates_bed(tmp_path, env_folder)
    with bed.agent() as agent:
        run = replace(agent, sandbox=Refusing()).run(bed.task, PLAN, {}, "a1")

    assert (run.outcome, run.reason) == (Outcome.SANDBOX_ERROR, "sandbox_not_started")
    assert not list(bed.layout.root.glob("agent_bases/*/control-*.json"))
