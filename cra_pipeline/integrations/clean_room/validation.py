"""What the agent's own test command runs. Pure.

Of the base everything is named; of the hidden tests there are only salted hashes, so that those
which are red even with the commit's own change are not held against the agent, and no name of
them can be read where it works.
"""

from __future__ import annotations

import ast
import hashlib
from collections.abc import Iterator, Mapping
from pathlib import PurePosixPath

from cra_pipeline.contracts.packages import EnvironmentRow
from cra_pipeline.contracts.tasks import TaskRow


def validation_orders(
    task: TaskRow,
    environment: EnvironmentRow,
    texts: Mapping[str, str],
    after: Mapping[str, str] | None = None,
) -> dict[str, object]:
    """Orders for ``validate.py``.

    Args:
        task: Test files that hold an expected test are run; of what is in them at the base only
            what passed there.
        environment: How they are run.
        texts: Text of the base's files by path.
        after: Text of the changed files after the commit.
    """
    # Others of its files cannot be collected here, whatever anybody changes.
    expected = {test.partition("::")[0] for test in (*task.pass_to_pass, *task.fail_to_pass)}
    files = [path for path in task.test_files if path in expected]
    known = [path for path in files if path in texts]
    roots = [str(PurePosixPath("/repo") / root) for root in environment.import_roots]
    functions = [name for path in known for name in functions_of(path, texts[path])]
    old = set(functions)
    hidden = {
        name
        for path, text in (after or {}).items()
        if path in files
        for name in functions_of(path, text)
    } - old
    expected_ids = [*task.pass_to_pass, *task.fail_to_pass]
    return {
        "salt": task.task_id,
        "hidden": sorted(salted(task.task_id, name) for name in hidden),
        "hidden_passing": sorted(
            salted(task.task_id, test) for test in expected_ids if test.partition("[")[0] in hidden
        ),
        "files": files,
        "functions": sorted(old),
        "passing": [test for test in task.pass_to_pass if test.partition("[")[0] in old],
        "args": list(environment.test_args),
        "path": ["/shim", *roots],
    }


def salted(salt: str, name: str) -> str:
    """A test's id as ``validate.py`` compares it."""
    return hashlib.sha256(f"{salt}\0{name}".encode()).hexdigest()


def functions_of(path: str, text: str) -> Iterator[str]:
    """Node ids, without parameters, of all functions in a test file; none if it cannot be read."""
    try:
        tree = ast.parse(text)
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
