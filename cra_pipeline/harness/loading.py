"""Takes a commit apart with the help of a repository that answers questions. Decides nothing."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Protocol

from cra_pipeline.contracts.commits import CommitRow
from cra_pipeline.contracts.packages import EnvironmentRow
from cra_pipeline.contracts.tasks import TaskRow
from cra_pipeline.diffs import Blob, TreeChange
from cra_pipeline.harness.controls import forge
from cra_pipeline.harness.forging.target import Target
from cra_pipeline.harness.policy import TaskPolicy
from cra_pipeline.harness.problem import Bench, Problem, blob_like, split_change, texts_of
from cra_pipeline.harness.selection import is_guarded, protected_files, select_tests
from cra_pipeline.harness.suspects import (
    Suspect,
    changed_functions,
    modules_under_test,
    suspects,
)
from cra_pipeline.harness.testplans import Exam
from cra_pipeline.mutations import mutation_at


class Repository(Protocol):
    """A history that can be asked; every method raises ``GitError`` where an object is missing."""

    def change(self, base: str, commit: str) -> TreeChange:
        """Files that differ from one commit to another."""
        ...

    def files_at(self, commit: str, paths: Iterable[str]) -> dict[str, Blob]:
        """Content of the given paths; those that the commit lacks are absent."""
        ...

    def paths(self, commit: str) -> tuple[str, ...]:
        """Every path of a commit's tree."""
        ...

    def texts(self, commit: str, wanted: Callable[[str], bool]) -> dict[str, str]:
        """Text of the wanted paths of a commit's tree."""
        ...


def load_problem(
    repository: Repository, commit: CommitRow, environment: EnvironmentRow, policy: TaskPolicy
) -> Problem:
    """A commit as a problem, its tests selected.

    Args:
        repository: Holds base and commit.
        commit: Qualified.
        environment: Of the commit.
        policy: Caps the tests that are run.
    """
    gold, hidden = split_change(
        repository.change(commit.base_sha, commit.sha), frozenset(commit.test_files)
    )
    names = repository.paths(commit.sha)
    run = select_tests(
        touched=[path for path in hidden.after if path.endswith(".py")],
        related=commit.related_tests,
        texts=repository.texts(commit.sha, _may_hold_tests(hidden)),
        sources=[path for path in commit.source_files if not is_guarded(path)],
        import_roots=environment.import_roots,
        policy=policy,
    )
    protected = protected_files(names, run, hidden.after)
    return Problem(
        commit=commit,
        gold=gold,
        hidden=hidden,
        restored=repository.files_at(commit.sha, protected),
        test_files=run,
        import_roots=environment.import_roots,
        lock_hash=environment.lock_hash,
    )


def _may_hold_tests(hidden: TreeChange) -> Callable[[str], bool]:
    def wanted(path: str) -> bool:
        return path.endswith(".py") and (path in hidden.after or is_guarded(path))

    return wanted


def reload_problem(
    repository: Repository, commit: CommitRow, environment: EnvironmentRow, task: TaskRow
) -> Problem:
    """The problem of a task that was admitted before: nothing is selected anew."""
    gold, hidden = split_change(
        repository.change(commit.base_sha, commit.sha), frozenset(commit.test_files)
    )
    return Problem(
        commit=commit,
        gold=gold,
        hidden=hidden,
        restored=repository.files_at(commit.sha, task.protected_files),
        test_files=task.test_files,
        import_roots=environment.import_roots,
        lock_hash=environment.lock_hash,
    )


def forging_change(
    repository: Repository, problem: Problem, task: TaskRow, category: str
) -> TreeChange:
    """A forging edit of one category as a change of the task's base.

    Raises:
        ValueError: The gold change touches no Python source.
    """
    touched = [path for path in problem.gold.paths if path.endswith(".py")]
    target = Target(
        sources={path: _text(problem.gold.before.get(path)) for path in touched},
        import_roots=problem.import_roots,
        test_files=problem.test_files,
        fail_to_pass=task.fail_to_pass,
        pass_to_pass=task.pass_to_pass,
    )
    texts = forge(category, target)
    before = repository.files_at(problem.commit.base_sha, texts)
    after = {path: blob_like(text, before.get(path)) for path, text in texts.items()}
    return TreeChange(before, after)


def _text(blob: Blob | None) -> str:
    return "" if blob is None else blob.content.decode(errors="replace")


def load_exam(repository: Repository, problem: Problem, bench: Bench, policy: TaskPolicy) -> Exam:
    """What the tests of a tests-only commit are examined with.

    Args:
        repository: Holds the commit.
        problem: The commit, taken apart.
        bench: Over its base tree.
        policy: Caps the faults that are tried and the old tests that are run.
    """
    commit, hidden = problem.commit, problem.hidden
    new_tests = {
        path: changed_functions(_text(hidden.before.get(path)), _text(blob))
        for path, blob in hidden.after.items()
        if path in problem.test_files
    }
    sources = repository.texts(
        commit.base_sha, lambda path: path.endswith(".py") and not is_guarded(path)
    )
    tests = [_text(hidden.after[path]) for path in new_tests]
    modules = modules_under_test(tests, sources, problem.import_roots)
    found = suspects(
        {path: sources[path] for path in modules},
        [code for functions in new_tests.values() for code in functions.values()],
        limit=policy.mutants,
        seed=problem.task_id,
    )
    return Exam(
        problem=problem,
        bench=bench,
        sources=repository.files_at(commit.base_sha, modules),
        suspects=found,
        new_tests={path: frozenset(functions) for path, functions in new_tests.items()},
        old_files=select_tests(
            touched=hidden.before,
            related=(),
            texts=repository.texts(
                commit.base_sha, lambda path: path.endswith(".py") and is_guarded(path)
            ),
            sources=modules,
            import_roots=problem.import_roots,
            policy=policy,
        ),
    )


def reload_exam(repository: Repository, problem: Problem, bench: Bench, task: TaskRow) -> Exam:
    """What other tests for an admitted tests-only task are examined with.

    Raises:
        ValueError: A mutant of the task is no longer found: the rules have changed since.
    """
    paths = {name.rsplit(":", 3)[0] for name in task.mutants}
    commit = problem.commit
    texts = repository.texts(commit.base_sha, paths.__contains__)
    return Exam(
        problem=problem,
        bench=bench,
        sources=repository.files_at(commit.base_sha, paths),
        suspects=tuple(_named_suspect(name, texts) for name in task.mutants),
        new_tests={},
    )


def _named_suspect(name: str, texts: Mapping[str, str]) -> Suspect:
    path, line, column, kind = name.rsplit(":", 3)
    found = mutation_at(texts.get(path, ""), int(line), int(column), kind)
    if found is None:
        raise ValueError(f"mutant {name} is not found: admit its task again")
    return Suspect(name, kind, path, found.text)


def answer_side(problem: Problem) -> TreeChange:
    """What an agent has to find: the tests of a tests-only commit, else everything else."""
    return problem.hidden if problem.commit.kind() == "tests-only" else problem.gold


def answer_texts(problem: Problem) -> tuple[dict[str, str], dict[str, str]]:
    """Texts of the changed files at the base and after the right answer.

    Raises:
        ValueError: One of them is no text, or changes its encoding.
    """
    side = answer_side(problem)
    before, after = texts_of(side.before), texts_of(side.after)
    for path, text in after.items():
        if blob_like(text, side.before.get(path)).content != side.after[path].content:
            raise ValueError(f"{path}: it changes its encoding, which no text can say")
    return before, after


def base_texts(problem: Problem) -> Mapping[str, str]:
    """Texts of the changed files at the base; those that are no text are left out."""
    found: dict[str, str] = {}
    for path, blob in answer_side(problem).before.items():
        try:
            found.update(texts_of({path: blob}))
        except ValueError:
            continue
    return found
