"""Which failures of the agent's own tests count against it. Pure, and decided on the host.

Tests that were red, skipped or unsteady before the agent touched anything do not count, nor do
hidden ones that are red even with the right change: nobody could make them pass. Whatever else it
writes anew counts. It is a courtesy to the agent, not the verdict: that is given elsewhere.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from cra_pipeline.contracts.tasks import TaskRow
from cra_pipeline.contracts.testrun import TestResult
from cra_pipeline.integrations.testrun.protocol import Line
from cra_pipeline.syntax import parse_python

_RED = frozenset({TestResult.FAILED, TestResult.ERROR})
_THROUGH = frozenset({0, 1, 5})
"""Statuses of pytest after a session that came to its end: green, red, nothing collected."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Expected:
    """What is known of a task's tests; none of it is shown to what runs in a sandbox but files.

    Attributes:
        files: Test files that hold an expected test.
        base: Functions in them at the base, as node ids without parameters.
        base_passing: Tests of those that passed there.
        hidden: Functions that the commit adds.
        hidden_passing: Tests of those that pass with the commit's own change.
    """

    files: tuple[str, ...]
    base: frozenset[str]
    base_passing: frozenset[str]
    hidden: frozenset[str]
    hidden_passing: frozenset[str]

    def counts(self, test: str) -> bool:
        """Whether a failure of this test is the agent's.

        Args:
            test: Node id.
        """
        function = test.partition("[")[0]
        if function in self.base:
            return test in self.base_passing
        return function not in self.hidden or test in self.hidden_passing

    def counts_uncollected(self, node: str) -> bool:
        """Whether it is the agent's failure that a file or class cannot be collected.

        Args:
            node: Node id; empty for the whole session. It counts unless it stood at the base and
                gave nothing that passed.
        """
        below = f"{node}::" if node else ""
        stood = any(name.startswith(below) for name in self.base)
        return not stood or any(name.startswith(below) for name in self.base_passing)


def expectation(task: TaskRow, texts: Mapping[str, str], after: Mapping[str, str]) -> Expected:
    """What can be expected of a task's tests.

    Args:
        task: The admitted task.
        texts: Text of the base's files by path.
        after: Text of the changed files after the commit.
    """
    passing = (*task.pass_to_pass, *task.fail_to_pass)
    # Others of its files cannot be collected here, whatever anybody changes.
    expected = {test.partition("::")[0] for test in passing}
    files = tuple(path for path in task.test_files if path in expected)
    base, later = (
        frozenset(name for path in files if path in side for name in functions_of(path, side[path]))
        for side in (texts, after)
    )
    hidden = later - base
    return Expected(
        files=files,
        base=base,
        base_passing=_of(task.pass_to_pass, base),
        hidden=hidden,
        hidden_passing=_of(passing, hidden),
    )


def _of(tests: Iterable[str], functions: frozenset[str]) -> frozenset[str]:
    return frozenset(test for test in tests if test.partition("[")[0] in functions)


def failures(expected: Expected, lines: Iterable[Line]) -> tuple[str, ...]:
    """Node ids of all failures that count, in the order in which they were told.

    Args:
        expected: Of the task.
        lines: Of a session.
    """
    found: dict[str, None] = {}
    for line in lines:
        red = line.kind == "test" and line.result in _RED and expected.counts(line.id)
        if red or (line.kind == "collect" and expected.counts_uncollected(line.id)):
            found[line.id] = None
    return tuple(found)


def status(code: int, failed: Sequence[str]) -> int:
    """Status of the test command; an interrupted or broken session stays what it is.

    Args:
        code: With which pytest ended.
        failed: Of ``failures``.
    """
    if code not in _THROUGH:
        return code
    return 1 if failed else 0


def functions_of(path: str, text: str) -> Iterator[str]:
    """Node ids, without parameters, of all functions in a test file; none if it cannot be read."""
    try:
        tree = parse_python(text)
    except (SyntaxError, ValueError, RecursionError):
        return
    yield from _named(tree, path)


def _named(node: ast.AST, prefix: str) -> Iterator[str]:
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef):
            yield f"{prefix}::{child.name}"
        elif isinstance(child, ast.ClassDef):
            yield from _named(child, f"{prefix}::{child.name}")
        elif isinstance(child, ast.If | ast.Try | ast.With):
            yield from _named(child, prefix)
