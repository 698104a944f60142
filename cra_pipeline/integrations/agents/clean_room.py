"""The Clean Room Agent at work on a task: unmodified, in the sandbox, its calls answered by ours.

The verdict on what it changes is given elsewhere. Here it is decided only whether there is
something to judge: a machine, a model server or the agent's program that fails is no failed task.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from cra_pipeline.contracts.agents import AgentRun, AgentSettings, AttemptPlan, TaskForm
from cra_pipeline.contracts.calls import CallRecord
from cra_pipeline.contracts.campaigns import campaign_plans
from cra_pipeline.contracts.packages import TextFile
from cra_pipeline.contracts.ports import AgentBackend, Sandbox
from cra_pipeline.contracts.sandbox import Limits
from cra_pipeline.contracts.tasks import Outcome, Proposal, TaskRow
from cra_pipeline.errors import AgentError
from cra_pipeline.gold.book import Budget, GoldBook
from cra_pipeline.gold.oracle import GoldOracle
from cra_pipeline.gold.visible import reproduced, usable
from cra_pipeline.gold.wording import task_text
from cra_pipeline.integrations.agents.answering import opened_responder
from cra_pipeline.integrations.agents.supplies import Materials, Supplies
from cra_pipeline.integrations.calls import settle_try, try_path
from cra_pipeline.integrations.clean_room.bases import TaskBase, ready_base
from cra_pipeline.integrations.clean_room.configuration import configuration
from cra_pipeline.integrations.clean_room.doubts import doubted
from cra_pipeline.integrations.clean_room.endings import RunEnding, judged_ending
from cra_pipeline.integrations.clean_room.expressing import Expressed, expressed
from cra_pipeline.integrations.clean_room.launch import (
    GRACE_S,
    PORT,
    Job,
    Left,
    NotStartedError,
    run_program,
)
from cra_pipeline.integrations.clean_room.merging import merged
from cra_pipeline.integrations.clean_room.program import AgentProgram
from cra_pipeline.integrations.clean_room.programs import campaign_program
from cra_pipeline.integrations.clean_room.submission import Submission
from cra_pipeline.integrations.clean_room.sufficing import nothing_suffices
from cra_pipeline.integrations.clean_room.tests_desk import Desk, open_desk
from cra_pipeline.integrations.clean_room.trial import Answer, Trial, run_trial
from cra_pipeline.integrations.clean_room.validation import expectation
from cra_pipeline.integrations.gateway.log import read_calls
from cra_pipeline.integrations.gateway.thread import RunningGateway, running_gateway
from cra_pipeline.integrations.ranking.shelves import Shelves
from cra_pipeline.integrations.responders.oracles import Oracles
from cra_pipeline.kinds import CALL_KINDS

ATTEMPT_LIMITS = Limits(
    wall_s=3900.0, cpu_s=600, memory_mb=4096, disk_mb=2048, processes=512, open_files=4096
)
SOLVE_S = 3600.0
"""Seconds until the agent is interrupted; several runs of its tests must fit in."""
TEST_S = 900
"""Seconds that a run of its own tests may take: five times the processor's, as for a verdict."""
TEST_LIMITS = ATTEMPT_LIMITS.model_copy(
    update={"wall_s": float(TEST_S), "cpu_s": 180, "disk_mb": 1024}
)
_WAITED_S = 60
"""Seconds that its test command waits beyond that, so that it hears the answer."""

_FREE = "the hidden tests pass with the files that the commit gives, before any edit"


@dataclass(frozen=True, slots=True, kw_only=True)
class CleanRoomAgent:
    """Runs one configuration of the agent; many threads may use it.

    Attributes:
        name: The backend's name.
        program: The agent, or what stands in for it.
        settings: Its configuration.
        supplies: Tasks and places.
        sandbox: Where it runs.
        gateway: Answers its calls.
        plans_for: What is asked of it for a task.
        shelves: Told which commit an attempt begins at; None where nobody ranks its files.
    """

    program: AgentProgram
    settings: AgentSettings
    supplies: Supplies
    sandbox: Sandbox
    gateway: RunningGateway
    plans_for: tuple[AttemptPlan, ...]
    shelves: Shelves | None = None
    name: str = "clean_room"

    @property
    def fingerprint(self) -> str:
        """Of a campaign's agent the campaign's own counts, which can be had without it."""
        return f"{self.program.digest} {self.settings.digest()}"

    def plans(self, task: TaskRow, files: Mapping[str, str]) -> tuple[AttemptPlan, ...]:
        """The campaign's cells; the same for every task.

        Args:
            task: The admitted task.
            files: Not looked at.
        """
        del task, files
        return self.plans_for

    def run(
        self, task: TaskRow, plan: AttemptPlan, files: Mapping[str, str], attempt_id: str
    ) -> AgentRun:
        """Let the agent solve the task once.

        Args:
            task: The admitted task.
            plan: Task form, temperature and seed.
            files: Not looked at: the agent has a repository.
            attempt_id: Names the request log.

        Raises:
            SandboxError: The sandbox cannot be had at all.
            StoreError: The disk is full.
        """
        del files
        materials = self.supplies.materials(task)
        said = expressed(materials)
        if said.problem:
            return _unsaid(self._proposal(plan, {}, (), problem=said.problem))
        if plan.task_form not in {"names", "metadata"}:
            raise ValueError(f"{plan.task_form!r}: the agent needs a task form")
        form: TaskForm = "names" if plan.task_form == "names" else "metadata"
        try:
            base = self._base(task, materials, said)
            if self._is_free(task, materials, base, said):
                return self._nothing(plan, Outcome.INEXPRESSIBLE, "given_files_suffice", _FREE)
        except NotStartedError as error:
            return self._nothing(plan, Outcome.SANDBOX_ERROR, "sandbox_not_started", str(error))
        except AgentError as error:
            return self._nothing(plan, Outcome.AGENT_ERROR, "index_failed", str(error))
        book = self._book(task, said, base, form)
        log = self.supplies.calls(attempt_id)
        trial = self._trial(task, materials, base, book, said)
        part = try_path(log)
        with self._open(task, plan, book, part) as socket, self._desk(trial) as desk:
            job = self._job(base, book, form, plan, socket, desk.socket)
            left = run_program(self.sandbox, self.supplies.layout.scratch, self.program, job)
        cell = cell_key(task.task_id, self.settings, plan)
        calls = read_calls(part).records
        ending = judged_ending(left, calls, self.gateway.model_errors(cell), desk.faults)
        if ending.outcome is None:
            ending = doubted(ending, left, base.tree, calls)
        unmerged = merged(self.supplies.layout, left, attempt_id) if self.supplies.logged else ""
        run = self._told(plan, said, book, left, calls, ending, unmerged)
        # Last: until then the attempt on record may be an earlier try, with the calls of that.
        settle_try(part, log)
        return run

    def _base(self, task: TaskRow, materials: Materials, said: Expressed) -> TaskBase:
        return ready_base(
            self.supplies.layout,
            self.sandbox,
            self.program,
            materials,
            task.base_sha,
            changed=said.prepared,
            deleted=said.deleted,
        )

    def _is_free(
        self, task: TaskRow, materials: Materials, base: TaskBase, said: Expressed
    ) -> bool:
        layout = self.supplies.layout
        return nothing_suffices(
            layout, self.sandbox, task, materials, base, said, limits=TEST_LIMITS
        )

    def _book(self, task: TaskRow, said: Expressed, base: TaskBase, form: TaskForm) -> GoldBook:
        wish = self.supplies.statement(task)
        known = {path: base.text(path) for path in base.record.paths if path.endswith(".py")}
        return GoldBook(
            statement=task_text(wish, sorted(said.after), form),
            subject=wish.partition("\n")[0],
            before={**known, **said.before},
            after=said.after,
            symbols=base.record.symbols,
            test_files=said.tests,
            budget=Budget(
                context_window=self.settings.context_window,
                reserved_tokens=_reserved(self.settings),
                max_tokens=self.settings.max_tokens,
            ),
        )

    @contextmanager
    def _open(self, task: TaskRow, plan: AttemptPlan, book: GoldBook, log: Path) -> Iterator[Path]:
        cell = cell_key(task.task_id, self.settings, plan)
        with ExitStack() as stack:
            if self.shelves is not None:
                # No later commit can be reached from there.
                self.shelves.add(cell, self.supplies.materials(task).snapshot, task.base_sha)
                stack.callback(self.shelves.remove, cell)
            place = self.gateway.open_attempt(
                cell, log, temperature=plan.temperature, seed=plan.seed, oracle=GoldOracle(book)
            )
            stack.callback(self.gateway.close_attempt, cell)
            yield place

    def _trial(
        self,
        task: TaskRow,
        materials: Materials,
        base: TaskBase,
        book: GoldBook,
        said: Expressed,
    ) -> Trial:
        return Trial(
            tree=base.tree,
            environment=materials.environment,
            env_folder=materials.env_folder,
            given=said.given,
            expected=expectation(task, book.before, book.after),
            limits=TEST_LIMITS,
            scratch=self.supplies.layout.scratch,
        )

    @contextmanager
    def _desk(self, trial: Trial) -> Iterator[Desk]:
        def run(submission: Submission, left_s: float) -> Answer:
            return run_trial(self.sandbox, trial, submission, left_s)

        with open_desk(run, seconds=SOLVE_S + GRACE_S) as desk:
            yield desk

    def _job(  # noqa: PLR0913, PLR0917  # everything about one attempt
        self,
        base: TaskBase,
        book: GoldBook,
        form: TaskForm,
        plan: AttemptPlan,
        socket: Path,
        tests_socket: Path,
    ) -> Job:
        settings = configuration(
            self.settings,
            port=PORT,
            temperature=plan.temperature,
            test_timeout_s=TEST_S + _WAITED_S,
        )
        return Job(
            arguments=("solve", "--repo", "/repo", "--", book.statement),
            tree=base.tree,
            base=base.record.head,
            state={**base.state(form), "config.toml": settings.encode()},
            timeout_s=SOLVE_S,
            limits=ATTEMPT_LIMITS,
            socket=socket,
            tests_socket=tests_socket,
        )

    def _told(  # noqa: PLR0913, PLR0917  # everything about one run
        self,
        plan: AttemptPlan,
        said: Expressed,
        book: GoldBook,
        left: Left,
        calls: tuple[CallRecord, ...],
        ending: RunEnding,
        unmerged: str,
    ) -> AgentRun:
        texts = {path: content.decode("utf-8", "replace") for path, content in left.changed.items()}
        final = {path: text for path, text in book.before.items() if path not in left.deleted}
        same, miss = reproduced(book, {**final, **texts})
        beside = sorted({*left.changed, *left.deleted} - set(book.after))
        if same and beside:
            same, miss = False, f"{beside[0]}: changed beside the commit's files"
        seen, unseen = usable(book, calls)
        # First what is the machine's business: no other miss may hide it.
        shortfall = "; ".join(word for word in (unmerged, miss or unseen) if word)
        return AgentRun(
            proposal=self._proposal(plan, said.proposed(texts), said.removed(left.deleted)),
            outcome=ending.outcome,
            reason=ending.reason,
            detail=ending.detail,
            withheld=ending.withheld,
            status=ending.status,
            reproduced=same,
            usable=same and seen,
            shortfall=shortfall,
            calls=calls,
            right_answers=self._right_answers(book, calls),
        )

    def _nothing(self, plan: AttemptPlan, outcome: Outcome, reason: str, detail: str) -> AgentRun:
        empty = self._proposal(plan, {}, ())
        return AgentRun(proposal=empty, outcome=outcome, reason=reason, detail=detail)

    def _right_answers(self, book: GoldBook, calls: Sequence[CallRecord]) -> tuple[str, ...]:
        """What the commit would have answered to each call, whoever answered it."""
        if all(call.responder == "gold" for call in calls):
            return tuple(call.response for call in calls)
        return self.supplies.relabel(GoldOracle(book), calls)

    def _proposal(
        self,
        plan: AttemptPlan,
        files: Mapping[str, str],
        deleted: tuple[str, ...],
        *,
        problem: str = "",
    ) -> Proposal:
        return Proposal(
            agent=self.name,
            configuration=plan.configuration,
            temperature=plan.temperature,
            seed=plan.seed,
            files=tuple(TextFile(path=path, text=text) for path, text in sorted(files.items())),
            deleted=deleted,
            problem=problem,
        )


def _reserved(settings: AgentSettings) -> int:
    told = settings.oracle_reserved_tokens
    return settings.reserved_tokens if told is None else told


def cell_key(task_id: str, settings: AgentSettings, plan: AttemptPlan) -> str:
    """Names the attempt before the gateway: the same whoever answers, so it can be answered again.

    Args:
        task_id: Of the task.
        settings: Of the agent.
        plan: Of the attempt.
    """
    what = [task_id, settings.digest(), plan.task_form, plan.temperature, plan.seed]
    return f"{task_id}-{hashlib.sha256(json.dumps(what).encode()).hexdigest()[:16]}"


def _unsaid(proposal: Proposal) -> AgentRun:
    return AgentRun(
        proposal=proposal,
        outcome=Outcome.INEXPRESSIBLE,
        reason="inexpressible",
        detail=proposal.problem,
    )


@contextmanager
def opened(supplies: Supplies) -> Iterator[AgentBackend]:
    """The campaign's agent, its responder and a gateway between them.

    Raises:
        AgentError: The agent is not installed, or is another one than the campaign began with.
        ModelError: The model server may not be asked.
        StoreError: A campaign that is to be answered again has no calls.
    """
    spec = supplies.campaign
    if spec is None or supplies.sandbox is None:
        raise AgentError(
            "clean_room: works within a campaign and a sandbox only: run cra-pipeline campaign"
        )
    program = campaign_program(spec.program, os.environ)
    oracles, shelves = Oracles(), Shelves()
    with ExitStack() as stack:
        responder = stack.enter_context(opened_responder(spec, supplies, oracles, shelves))
        kinds = {text: CALL_KINDS[kind] for kind, text in program.system_prompts.items()}
        gateway = stack.enter_context(running_gateway(responder, kinds, oracles=oracles))
        yield CleanRoomAgent(
            program=program,
            settings=spec.settings,
            supplies=supplies,
            sandbox=supplies.sandbox,
            gateway=gateway,
            shelves=shelves,
            plans_for=campaign_plans(spec),
        )
