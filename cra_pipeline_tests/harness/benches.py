"""A bench without a sandbox: tests that look for words, and problems made of them.

A test file holds one test a line, ``<name> <rule> [<argument>]``. The rules look at the
candidate's files, so that proving can be tried by the hundred.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from cra_pipeline.contracts.commits import CommitRow
from cra_pipeline.contracts.sandbox import Ending
from cra_pipeline.contracts.testrun import TestOutcome, TestResult, TestRunReport
from cra_pipeline.diffs import Blob, TreeChange
from cra_pipeline.harness.policy import Seeds
from cra_pipeline.harness.problem import Problem

TESTS = "tests/test_a.py"
SOURCE = "pkg/a.py"


def blob(text: str) -> Blob:
    """An ordinary file."""
    return Blob("100644", text.encode())


def report(
    results: Mapping[str, str],
    *,
    ending: Ending = Ending.EXITED,
    complete: bool = True,
    forged: str = "",
    errors: Sequence[str] = (),
) -> TestRunReport:
    """A run's report from results by test id."""
    return TestRunReport(
        ending=ending,
        outcomes=tuple(
            TestOutcome(test_id=name, result=TestResult(result), detail=f"{result} of {name}")
            for name, result in sorted(results.items())
        ),
        collect_errors=tuple(
            TestOutcome(test_id=name, result=TestResult.ERROR, detail="no import")
            for name in errors
        ),
        missing_modules=(),
        complete=complete,
        forged=forged,
        detail=ending.value,
    )


@dataclass
class WordBench:
    """A ``Bench`` over a tree of texts.

    Rules: ``needs W`` passes where a source holds the word; ``lacks W`` where none does;
    ``seed N`` fails where the order seed is N; ``skips``; ``hangs``, ``floods``, ``breaks`` and
    ``dies`` end the run in their way where a source holds the argument.
    """

    tree: dict[str, Blob] = field(default_factory=dict)
    runs: int = 0

    def run(
        self,
        layers: Sequence[Mapping[str, Blob]],
        deleted: Sequence[str],
        test_files: Sequence[str],
        seeds: Seeds,
    ) -> TestRunReport:
        """Interpret the test files of the laid-out tree."""
        self.runs += 1
        files = dict(self.tree)
        for layer in layers:
            files.update(layer)
        for path in deleted:
            files.pop(path, None)
        sources = "\n".join(
            item.content.decode() for path, item in files.items() if not path.startswith("tests/")
        )
        endings: list[Ending] = []
        results: dict[str, str] = {}
        for path in test_files:
            text = files[path].content.decode() if path in files else ""
            for line in filter(str.strip, text.splitlines()):
                name, rule, word = [*line.split(), "", ""][:3]
                result = _result(rule, word, sources, seeds)
                if isinstance(result, Ending):
                    endings.append(result)
                else:
                    results[f"{path}::{name}"] = result
        lost = [path for path in test_files if path not in files]
        return report(results, ending=[*endings, Ending.EXITED][0], errors=lost)


def _result(rule: str, word: str, sources: str, seeds: Seeds) -> str | Ending:
    there = word in sources.split()
    if rule == "seed":
        return "failed" if seeds[0] == int(word) else "passed"
    if rule == "skips":
        return "skipped"
    if rule in {"needs", "lacks"}:
        return "passed" if there == (rule == "needs") else "failed"
    ways = {
        "hangs": Ending.TIMED_OUT,
        "floods": Ending.CHANNEL_FLOODED,
        "breaks": Ending.NOT_STARTED,
        "dies": Ending.SIGNALLED,
    }
    return ways[rule] if there else "passed"


def commit_row(**fields: object) -> CommitRow:
    """A qualified commit that changes ``SOURCE`` and ``TESTS``."""
    row = CommitRow(
        repo="demo",
        sha="1" * 40,
        base_sha="2" * 40,
        window=("1" * 40,),
        committed_at=100,
        authored_at=100,
        subject="Add new",
        message="Add new (#1)",
        qualified=True,
        reason="",
        evidence="",
        rescue="",
        type="step-plan",
        also_types=(),
        source_files=(SOURCE,),
        test_files=(TESTS,),
        other_files=(),
        related_tests=(),
        added_lines=1,
        deleted_lines=0,
        symbols=(),
    )
    return row.model_copy(update=fields)


def problem_of(
    base: str, gold: str, old_tests: str, new_tests: str, **fields: object
) -> tuple[Problem, WordBench]:
    """A commit that turns one source and one test file into others, and a bench over its base."""
    problem = Problem(
        commit=commit_row(**fields),
        gold=TreeChange({SOURCE: blob(base)}, {SOURCE: blob(gold)})
        if base != gold
        else TreeChange({}, {}),
        hidden=TreeChange({TESTS: blob(old_tests)}, {TESTS: blob(new_tests)}),
        restored={TESTS: blob(new_tests)},
        test_files=(TESTS,),
        import_roots=(".",),
        lock_hash="lock",
    )
    return problem, WordBench({SOURCE: blob(base), TESTS: blob(old_tests)})
