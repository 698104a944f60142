"""What the agent's knowledge base is for code, for logs: typed answers to questions about runs.

Reads the snapshot of the raw databases and our own attempts, calls and triples, which agree by
task id. Pure: who opens the files hands in the ``Queries``. The statements are ``sql/*.sql``.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from importlib.resources import files
from typing import Protocol, TypeVar

from cra_pipeline.contracts.logs import (
    AnswerGroup,
    CallEvidence,
    CallGroup,
    EditTry,
    LoggedCall,
    RetrievalDecision,
    RunLog,
    StockGroup,
    TaskLog,
    ValidationLog,
    VerdictGroup,
)
from cra_pipeline.contracts.record import Record

R = TypeVar("R", bound=Record)

COMMIT = "gold"
"""The responder that answers from the commit itself: its answers say nothing of a model."""


class Queries(Protocol):
    """Runs one statement over tables of the names that ``sql/*.sql`` use."""

    def rows(self, sql: str, record: type[R], **parameters: object) -> tuple[R, ...]:
        """Rows of a SELECT in which values stand as ``$name``.

        Raises:
            StoreError: A table is damaged or of another schema.
        """
        ...


class LogAnalysisAPI:
    """Questions about the agent's runs, all answered in a stable order.

    ``cra_pipeline.logs.stage.lakes.log_analysis`` opens one over a workspace; the examples use one
    over three runs of a small library, of which two were attempts of ours and one a user's own.

    >>> logs = example_logs()
    >>> [(run.repo, run.status, run.outcome) for run in logs.runs()]
    [('till', 'complete', 'passed'), ('till', 'partial', 'failed'), ('', 'complete', '')]

    Args:
        queries: Where the tables are.
    """

    def __init__(self, queries: Queries) -> None:
        self._queries = queries

    def runs(self, task: str = "") -> tuple[RunLog, ...]:
        """All runs, or those of one task; attempts without a run come last.

        Args:
            task: The agent's id of a run or of a pass, our id of a task or of an attempt; empty
                for all.

        >>> [run.agent_task[:8] for run in example_logs().runs("till-000000000001")]
        ['00000001', '00000002']
        """
        return self._rows("runs", RunLog, task=task)

    def run(self, task: str) -> RunLog:
        """The one run of an agent's task, or of an attempt.

        Raises:
            KeyError: There is none, or more than one.

        >>> example_logs().run("00000002-0000-4000-8000-000000000000:impl:p1:s0").validated
        False
        """
        found = self.runs(task) if task else ()
        if len(found) != 1:
            raise KeyError(
                f"{task!r}: expected one run, found {len(found)}: give the agent's task id or the "
                "id of an attempt, as runs() shows them"
            )
        return found[0]

    def calls(self, agent_task: str, *, database: str = "") -> tuple[LoggedCall, ...]:
        """Model calls of a run and all its passes, or of one pass, in the order of logging.

        Args:
            agent_task: The agent's id of the run or pass.
            database: Name of one database; empty for all.

        >>> run = "00000001-0000-4000-8000-000000000000"
        >>> [(call.call_kind, call.response) for call in example_logs().calls(run)]
        [('scope', 'yes'), ('implement', 'done')]
        """
        return self._rows("calls", LoggedCall, agent_task=agent_task, database=database)

    def decisions(self, agent_task: str, *, database: str = "") -> tuple[RetrievalDecision, ...]:
        """What retrieval kept and left out, as ``calls`` takes its arguments.

        >>> run = "00000001-0000-4000-8000-000000000000"
        >>> [(row.stage, row.tier, row.included) for row in example_logs().decisions(run)]
        [('scope', '2', True)]
        """
        return self._rows("decisions", RetrievalDecision, agent_task=agent_task, database=database)

    def tries(self, agent_task: str, *, database: str = "") -> tuple[EditTry, ...]:
        """Answers with edits, as ``calls`` takes its arguments.

        >>> run = "00000002-0000-4000-8000-000000000000"
        >>> [(row.number, row.applied) for row in example_logs().tries(run)]
        [(1, False)]
        """
        return self._rows("tries", EditTry, agent_task=agent_task, database=database)

    def validations(self, agent_task: str, *, database: str = "") -> tuple[ValidationLog, ...]:
        """Runs of the agent's own tests, as ``calls`` takes its arguments.

        >>> run = "00000002-0000-4000-8000-000000000000"
        >>> [(row.passed, row.failing) for row in example_logs().validations(run)]
        [(False, '["test_total"]')]
        """
        return self._rows("validations", ValidationLog, agent_task=agent_task, database=database)

    def task(self, task: str) -> TaskLog:
        """Everything about one task, by any of the ids that ``runs`` takes.

        Raises:
            KeyError: No run of it is known.

        >>> log = example_logs().task("till-000000000001")
        >>> len(log.runs), len(log.calls), len(log.tries), len(log.validations)
        (2, 4, 2, 2)
        """
        found = self.runs(task) if task else ()
        if not found:
            raise KeyError(f"{task!r}: no run is known: runs() shows those that are")
        places = [(run.agent_task, run.database) for run in found if run.agent_task]
        return TaskLog(
            runs=found,
            calls=_chained(self.calls(name, database=where) for name, where in places),
            decisions=_chained(self.decisions(name, database=where) for name, where in places),
            tries=_chained(self.tries(name, database=where) for name, where in places),
            validations=_chained(self.validations(name, database=where) for name, where in places),
        )

    def answers(
        self, rounds: Sequence[str], held_out: Sequence[str] = ()
    ) -> tuple[AnswerGroup, ...]:
        """Answers whose right answer is known, alike ones together.

        Args:
            rounds: Names of the rounds that count.
            held_out: Repositories that do not.

        >>> [(row.output, row.right_answer, row.calls) for row in example_logs().answers(["r01"])]
        [('no', 'yes', 1), ('yes', 'yes', 1)]
        """
        return self._rows("answers", AnswerGroup, **_scope(rounds, held_out))

    def call_groups(
        self, rounds: Sequence[str], held_out: Sequence[str] = ()
    ) -> tuple[CallGroup, ...]:
        """Every call of every attempt with its cost; arguments as of ``answers``.

        >>> [(row.call_kind, row.calls) for row in example_logs().call_groups(["r01"])]
        [('implement', 2), ('scope', 1), ('scope', 1)]
        """
        return self._rows("call_groups", CallGroup, **_scope(rounds, held_out))

    def verdicts(
        self, rounds: Sequence[str], held_out: Sequence[str] = ()
    ) -> tuple[VerdictGroup, ...]:
        """Judged attempts by call kind and responder; arguments as of ``answers``.

        >>> [(row.call_kind, row.passed, row.attempts) for row in example_logs().verdicts(["r01"])]
        [('implement', 1, 2), ('scope', 1, 2)]
        """
        return self._rows("verdicts", VerdictGroup, **_scope(rounds, held_out))

    def stock(self, rounds: Sequence[str], held_out: Sequence[str] = ()) -> tuple[StockGroup, ...]:
        """What could be trained on, by call kind, source and repository, before all curation.

        >>> found = example_logs().stock(["r01"])
        >>> [(row.call_kind, row.source, row.rows) for row in found if row.call_kind == "scope"]
        [('scope', 'harness', 1), ('scope', 'logged', 1), ('scope', 'synthetic', 2)]
        """
        return self._rows("stock", StockGroup, commit=COMMIT, **_scope(rounds, held_out))

    def evidence(
        self, call_kind: str, rounds: Sequence[str], held_out: Sequence[str] = ()
    ) -> tuple[CallEvidence, ...]:
        """Calls of one kind that a model answered; arguments as of ``answers``.

        >>> [row.outcome for row in example_logs().evidence("scope", ["r01"])]
        ['passed', 'failed']
        """
        return self._rows(
            "evidence", CallEvidence, call_kind=call_kind, commit=COMMIT, **_scope(rounds, held_out)
        )

    def _rows(self, name: str, record: type[R], **parameters: object) -> tuple[R, ...]:
        return self._queries.rows(statement(name), record, **parameters)


def statement(name: str) -> str:
    """Text of ``sql/<name>.sql``."""
    return (files("cra_pipeline.logs") / "sql" / f"{name}.sql").read_text(encoding="utf-8")


def _scope(rounds: Sequence[str], held_out: Sequence[str]) -> dict[str, list[str]]:
    return {"rounds": list(rounds), "held_out": list(held_out)}


def _chained(lists: Iterable[tuple[R, ...]]) -> tuple[R, ...]:
    return tuple(row for rows in lists for row in rows)
