"""Everything that an attempt of the agent needs, on a small repository: no index, no model."""

from __future__ import annotations

import hashlib
import shutil
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from importlib import metadata
from pathlib import Path
from textwrap import indent

from cra_pipeline.contracts.agents import AgentRun, AgentSettings, AttemptPlan
from cra_pipeline.contracts.calls import CallRecord
from cra_pipeline.contracts.campaigns import CampaignSpec, ResponderSpec
from cra_pipeline.contracts.packages import EnvironmentRow
from cra_pipeline.contracts.ports import Oracle, Responder
from cra_pipeline.contracts.tasks import TaskRow
from cra_pipeline.contracts.workspace import Layout
from cra_pipeline.integrations.agents.clean_room import CleanRoomAgent
from cra_pipeline.integrations.agents.supplies import Materials, Supplies
from cra_pipeline.integrations.clean_room.program import AgentProgram
from cra_pipeline.integrations.clean_room.stand_in_program import stand_in_program
from cra_pipeline.integrations.gateway.thread import running_gateway
from cra_pipeline.integrations.git.trees import change
from cra_pipeline.integrations.responders.gold import GoldResponder
from cra_pipeline.integrations.responders.oracles import Oracles
from cra_pipeline.integrations.sandbox.bubblewrap import BubblewrapSandbox
from cra_pipeline.kinds import CALL_KINDS
from cra_pipeline_tests.conftest import DISCOUNT, LIBRARY
from cra_pipeline_tests.histories import Upstream

MESSAGE = "Add discounts in percent to the total"
OLD_TEST = "tests/test_till.py::test_prices_are_added"
PLAN = AttemptPlan(
    agent="clean_room",
    configuration="monolithic",
    task_form="names",
    responder="gold",
    campaign="c",
)
MONOLITHIC = AgentSettings(name="monolithic")
_PACKAGES = ("pytest", "pluggy", "iniconfig", "packaging", "pygments")
_VERSION = f"python{sys.version_info[0]}.{sys.version_info[1]}"


def make_environment(folder: Path) -> Path:
    """An environment as ``envs/<lock hash>`` holds it, made of this process's own pytest."""
    site = folder / "lib" / _VERSION / "site-packages"
    for name in _PACKAGES:
        for file in metadata.files(name) or ():
            if ".." not in file.parts:
                (site / file).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy(Path(str(file.locate())), site / file)
    (folder / "bin").mkdir()
    (folder / "bin" / "python").symlink_to(f"/python/bin/{_VERSION}")
    (folder / "pyvenv.cfg").write_text("home = /python/bin\n")
    return folder


@dataclass(frozen=True)
class Bed:
    """A task and everything around it.

    Attributes:
        layout: A workspace.
        task: The admitted task.
        materials: Of the task.
        settings: Of the agent.
        program: The agent.
        relabelled: Calls that were labelled by an oracle.
    """

    layout: Layout
    task: TaskRow
    materials: Materials
    settings: AgentSettings = MONOLITHIC
    program: AgentProgram = field(default_factory=stand_in_program)
    relabelled: list[CallRecord] = field(default_factory=list)

    def right_answer(self, task: TaskRow) -> dict[str, str]:
        """Text of every changed file but the tests.

        Raises:
            ValueError: One is no text.
        """
        del task
        found = {}
        for path, blob in self.materials.after.items():
            if b"\0" in blob.content:
                raise ValueError(f"{path} is no text")
            if path not in self.materials.hidden:
                found[path] = blob.content.decode()
        return found

    def supplies(self) -> Supplies:
        """As a stage of the harness fills them."""

        def relabel(_: Oracle, calls: Sequence[CallRecord]) -> tuple[str, ...]:
            self.relabelled.extend(calls)
            return tuple("" for _ in calls)

        return Supplies(
            right_answer=self.right_answer,
            materials=lambda _: self.materials,
            layout=self.layout,
            sandbox=BubblewrapSandbox(),
            statement=lambda task: task.statement,
            relabel=relabel,
            calls=lambda attempt: self.layout.root / "calls" / attempt / "calls.jsonl",
            campaign=self.campaign(),
            partition=f"{self.task.repo}|r01",
            most=5,
            seed=0,
        )

    def campaign(self) -> CampaignSpec:
        """One attempt of each task."""
        return CampaignSpec(
            name="test",
            program=self.program.digest,
            round="r01",
            repos=(self.task.repo,),
            responder=ResponderSpec(name="gold"),
            settings=self.settings,
            forms=("names",),
        )

    def with_program(self, program: AgentProgram) -> Bed:
        """The same task for another program."""
        return replace(self, program=program)

    @contextmanager
    def agent(
        self, responder: Responder | None = None, oracles: Oracles | None = None
    ) -> Iterator[CleanRoomAgent]:
        """The backend with a gateway; gold answers if nobody else does.

        Args:
            responder: Who answers.
            oracles: The same that the responder asks.
        """
        oracles = oracles or Oracles()
        prompts = self.program.system_prompts
        kinds = {text: CALL_KINDS[kind] for kind, text in prompts.items()}
        answers = responder or GoldResponder(oracles)
        with running_gateway(answers, kinds, oracles=oracles) as gateway:
            supplies = self.supplies()
            assert supplies.sandbox is not None
            yield CleanRoomAgent(
                program=self.program,
                settings=self.settings,
                supplies=supplies,
                sandbox=supplies.sandbox,
                gateway=gateway,
                plans_for=(PLAN,),
            )

    def attempt(
        self,
        attempt_id: str = "a1",
        *,
        plan: AttemptPlan = PLAN,
        responder: Responder | None = None,
    ) -> AgentRun:
        """One attempt from start to end."""
        with self.agent(responder) as agent:
            return agent.run(self.task, plan, {}, attempt_id)


def make_bed(  # noqa: PLR0913  # what a task is made of
    folder: Path,
    env_folder: Path,
    *,
    start: Mapping[str, str | bytes] | None = None,
    commit: Mapping[str, str | bytes] | None = None,
    gone: Sequence[str] = (),
    message: str = MESSAGE,
) -> Bed:
    """A repository of three commits, the second of which is the task.

    Args:
        folder: Empty.
        env_folder: Of ``make_environment``.
        start: Files of the base.
        commit: Files that the task changes.
        gone: Files that it deletes.
        message: Of the task's commit.
    """
    upstream = Upstream(folder / "upstream")
    base = upstream.commit(start or LIBRARY, "Start a till")
    for path in gone:
        (upstream.path / path).unlink()
    sha = upstream.commit(commit or DISCOUNT, message)
    upstream.commit({"later.py": "SECRET = 1\n"}, "Add what nobody may know yet")
    snapshot = upstream.bare(folder / "snapshot.git")
    changed = change(snapshot, base, sha)
    tests = frozenset(path for path in changed.after if path.startswith("tests/"))
    materials = Materials(
        snapshot=snapshot,
        before=changed.before,
        after=changed.after,
        hidden=tests,
        steering=frozenset(),
        environment=environment_row(sha),
        env_folder=env_folder,
    )
    return Bed(Layout(folder / "home"), _task(base, sha, message, sorted(tests)), materials)


def environment_row(sha: str) -> EnvironmentRow:
    """How the tests of a small flat repository are run."""
    return EnvironmentRow(
        repo="till",
        sha=sha,
        lock_hash="lock",
        rung="given",
        as_of="",
        reason="",
        import_roots=(".",),
        shim=(),
        generated=(),
        test_args=(),
        leaks=(),
    )


def _task(base: str, sha: str, message: str, tests: Sequence[str]) -> TaskRow:
    return TaskRow(
        task_id=f"till-{sha[:12]}",
        repo="till",
        sha=sha,
        base_sha=base,
        window=(sha,),
        committed_at=0,
        kind="source-and-tests",
        planning_type="step-plan",
        admitted=True,
        reason="",
        evidence="",
        statement=message,
        gold_patch="",
        test_patch="",
        deleted_files=(),
        test_files=tuple(tests),
        protected_files=tuple(tests),
        fail_to_pass=("tests/test_till.py::test_a_discount_is_taken_off",),
        pass_to_pass=(OLD_TEST,),
        quarantined=(),
        gold_runs=(),
        controls=(),
        mutants_killed=0,
        mutants=(),
        weak_tests=(),
        lock_hash="lock",
    )


def program_of(folder: Path, solving: str, *, indexing: str = "") -> AgentProgram:
    """A program of a few lines that speaks the protocol, in its own way.

    Args:
        folder: Where its module is written.
        solving: Code of ``solve``; ``task`` holds the task text.
        indexing: Code of ``index``; as the stand-in indexes if empty.
    """
    honest = "import runpy\nrunpy.run_module('stand_in', run_name='__main__', alter_sys=True)\n"
    code = (
        "import sys\n"
        "task = sys.argv[-1]\n"
        "if sys.argv[1] == 'index':\n"
        f"{indent(indexing or honest, '    ')}\n"
        "else:\n"
        f"{indent(solving, '    ')}\n"
    )
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "variant.py").write_text(code)
    honest_program = stand_in_program()
    return replace(
        honest_program,
        name="variant",
        digest=hashlib.sha256(code.encode()).hexdigest(),
        folders=(folder, *honest_program.folders),
        module="variant",
    )
