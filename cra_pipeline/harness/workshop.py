"""One repository at work: from a commit to its row, from a proposal to its verdict.

Pure but for what it is given: a repository to ask, and benches on which tests are run.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from functools import partial

from cra_pipeline.contracts.agents import AgentRun, AttemptPlan
from cra_pipeline.contracts.calls import CallRecord
from cra_pipeline.contracts.commits import CommitRow
from cra_pipeline.contracts.packages import EnvironmentRow
from cra_pipeline.contracts.sandbox import Limits
from cra_pipeline.contracts.tasks import Outcome, TaskRow, TestTally
from cra_pipeline.contracts.triples import TripleRow
from cra_pipeline.diffs import TreeChange
from cra_pipeline.errors import GitError
from cra_pipeline.harness.actual import actual_change
from cra_pipeline.harness.admission import Rejection
from cra_pipeline.harness.alignment import align
from cra_pipeline.harness.attempts import (
    attempt_row,
    judged_nothing,
    proposed_change,
    still_imports,
    withheld,
)
from cra_pipeline.harness.controls import drawn
from cra_pipeline.harness.loading import (
    Repository,
    answer_texts,
    base_texts,
    forging_change,
    load_exam,
    load_problem,
    reload_exam,
    reload_problem,
)
from cra_pipeline.harness.plans import code_steps, planned
from cra_pipeline.harness.policy import AttemptPolicy, TaskPolicy
from cra_pipeline.harness.problem import Bench, Problem, run_over
from cra_pipeline.harness.proving import judged_run, prove, refused, run_controls, without_problem
from cra_pipeline.harness.records import Trace
from cra_pipeline.harness.rendering import render_answer, render_prompt
from cra_pipeline.harness.testplans import judge_tests, prove_tests
from cra_pipeline.harness.triples import logged_triples, rendered_triple

OpenBench = Callable[[EnvironmentRow, str, Limits], AbstractContextManager[Bench]]
"""A bench over the tree of a commit, in an environment of the same repository."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Workshop:
    """What all units of one repository share; many threads may use it.

    Attributes:
        repository: Answers questions about the history.
        open_bench: Lays out a base tree.
        commits: The filter's rows by commit id.
        environments: Environments by commit id.
    """

    repository: Repository
    open_bench: OpenBench
    commits: Mapping[str, CommitRow]
    environments: Mapping[str, EnvironmentRow]

    def admit(self, commit: CommitRow, policy: TaskPolicy) -> TaskRow:
        """One commit's row, its drawn controls included.

        A commit whose tree cannot be read is refused alone; the others go on.

        Args:
            commit: Qualified and packaged, even if no environment could be built.
            policy: What it has to survive.
        """
        environment = self.environments[commit.sha]
        if not environment.lock_hash:
            return without_problem(commit, Rejection("no_environment", environment.reason))
        try:
            row = self._prove(commit, environment, policy)
            return self.controlled(row, drawn(row.task_id, policy.controls_per_task), policy)
        except GitError as error:
            # Git names the object; where it lies is the machine's own business.
            words = " ".join(word for word in str(error).split() if not word.startswith("/"))
            return without_problem(commit, Rejection("unreadable_tree", words))

    def _prove(self, commit: CommitRow, environment: EnvironmentRow, policy: TaskPolicy) -> TaskRow:
        problem = load_problem(self.repository, commit, environment, policy)
        with self.open_bench(environment, commit.base_sha, policy.limits) as bench:
            if commit.kind() == "tests-only":
                exam = load_exam(self.repository, problem, bench, policy)
                return prove_tests(exam, policy)
            return prove(problem, bench, policy)

    def controlled(self, row: TaskRow, categories: Sequence[str], policy: TaskPolicy) -> TaskRow:
        """The row with further forging controls; a tests-only row has its own already."""
        if not row.admitted or row.kind == "tests-only":
            return row
        problem = self.problem(row)
        if not any(path.endswith(".py") for path in problem.gold.paths):
            return refused(row, "no_source_changed", "every changed module is a test file")
        with self.open_bench(self.environments[row.sha], row.base_sha, policy.limits) as bench:
            return run_controls(
                row,
                problem,
                bench,
                policy,
                categories=categories,
                forge=partial(forging_change, self.repository, problem, row),
            )

    def problem(self, task: TaskRow) -> Problem:
        """The problem of an admitted task."""
        return reload_problem(
            self.repository, self.commits[task.sha], self.environments[task.sha], task
        )

    def files(self, task: TaskRow) -> dict[str, str]:
        """Text of every file that the answer touches, at the base."""
        return dict(base_texts(self.problem(task)))

    def right_answer(self, task: TaskRow) -> dict[str, str]:
        """Text of the changed files after the commit.

        Raises:
            ValueError: One of them is no text.
        """
        return answer_texts(self.problem(task))[1]

    def attempt(  # noqa: PLR0913  # what an attempt is made of
        self,
        task: TaskRow,
        plan: AttemptPlan,
        run: AgentRun,
        *,
        attempt_id: str,
        round_name: str,
        policy: AttemptPolicy,
    ) -> Trace:
        """What a backend came back with, judged if there is something to judge."""
        proposal = run.proposal
        change, imports = TreeChange({}, {}), run.outcome is Outcome.FAILED
        if proposal.problem:
            tally = judged_nothing(Outcome.INEXPRESSIBLE, "no_proposal", proposal.problem)
        elif run.outcome is not None:
            tally = judged_nothing(run.outcome, run.reason, run.detail)
        else:
            paths = [*(file.path for file in proposal.files), *proposal.deleted]
            base = self.repository.files_at(task.base_sha, paths)
            change = proposed_change(proposal, base)
            tally, imports = self.judge(task, change, policy)
        row = attempt_row(
            task,
            round_name,
            plan,
            run,
            withheld(tally, run),
            attempt_id=attempt_id,
            patch=change.patch,
            imports=imports,
        )
        return Trace(attempt=row, proposal=proposal, tally=tally, right_answers=run.right_answers)

    def judge(
        self, task: TaskRow, candidate: TreeChange, policy: AttemptPolicy
    ) -> tuple[TestTally, bool]:
        """Verdict on any change of a task's base, and whether its modules were importable."""
        problem = self.problem(task)
        with self.open_bench(self.environments[task.sha], task.base_sha, policy.limits) as bench:
            if task.kind == "tests-only":
                exam = reload_exam(self.repository, problem, bench, task)
                seeds, words = policy.run_seeds, policy.verdict
                return judge_tests(task, exam, candidate, seeds=seeds, policy=words), True
            report = run_over(bench, problem, candidate, policy.run_seeds)
        tally = judged_run(task, problem, report, candidate, policy.verdict)
        return tally, still_imports(task, report)

    def triples(self, task: TaskRow, trace: Trace, calls: Sequence[CallRecord]) -> list[TripleRow]:
        """A judged attempt as triples: one for each answered call, or one with a rendered prompt.

        Raises:
            ValueError: No call was made, and the attempt or the right answer has no form as edits.
        """
        if not calls:
            return [self._rendered(task, trace)]
        plan = planned(calls)
        problem = self.problem(task)
        fit = None if plan is None else align(code_steps(plan), actual_change(*_code(problem)))
        return logged_triples(trace, calls, sha=task.sha, alignment=fit)

    def _rendered(self, task: TaskRow, trace: Trace) -> TripleRow:
        problem = self.problem(task)
        before, right = answer_texts(problem)
        proposal = trace.proposal
        after = {path: text for path, text in before.items() if path not in proposal.deleted}
        after.update({file.path: file.text for file in proposal.files})
        return rendered_triple(
            trace.attempt,
            sha=task.sha,
            kind=task.kind,
            prompt=render_prompt(task.statement, before),
            output=render_answer(before, after),
            right_answer=render_answer(before, right),
        )


def _code(problem: Problem) -> tuple[dict[str, str], dict[str, str]]:
    """Texts of the changed Python code, without the hidden side, before and after."""
    sides = (problem.gold.before, problem.gold.after)
    before, after = (
        {path: blob.content.decode(errors="replace") for path, blob in side.items()}
        for side in sides
    )
    return _python(before), _python(after)


def _python(texts: Mapping[str, str]) -> dict[str, str]:
    return {path: text for path, text in texts.items() if path.endswith(".py")}
