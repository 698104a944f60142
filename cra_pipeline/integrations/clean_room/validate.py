"""Stand-alone script inside the sandbox: the test command that the agent is told to run.

The task's test files, in the task's own environment. Tests that were red, skipped or unsteady
before the agent touched anything are left out, and so are those that are red even with the right
change: they cannot be counted against it. Whatever else it writes anew runs. It is a courtesy to
the agent, not the judge: that sits elsewhere.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

_NOTHING_COLLECTED = 5
_failed: list[str] = []


def orders() -> dict[str, Any]:
    """What is to be run."""
    found: dict[str, Any] = json.loads(Path("/tools/validation.json").read_bytes())
    return found


def pytest_collection_modifyitems(config: Any, items: list[Any]) -> None:  # noqa: ANN401  # pytest's
    """Keep what passed at the base, and every function that was not there."""
    spec = orders()
    kept: list[Any] = []
    left: list[Any] = []
    for item in items:
        (kept if _is_asked(item.nodeid, spec) else left).append(item)
    if left:
        config.hook.pytest_deselected(items=left)
        items[:] = kept


def _is_asked(test: str, spec: dict[str, Any]) -> bool:
    function = test.partition("[")[0]
    if function in spec["functions"]:
        return test in spec["passing"]
    if _salted(spec, function) in spec.get("hidden", ()):
        return _salted(spec, test) in spec["hidden_passing"]
    return True


def _salted(spec: dict[str, Any], name: str) -> str:
    return hashlib.sha256(f"{spec.get('salt', '')}\0{name}".encode()).hexdigest()


def pytest_collectreport(report: Any) -> None:  # noqa: ANN401  # pytest's
    """A file or class that cannot be collected counts, unless it never gave anything."""
    if report.failed and _counts(report.nodeid):
        _failed.append(report.nodeid)


def _counts(node: str) -> bool:
    spec = orders()
    below = f"{node}::" if node else ""
    stood = any(name.startswith(below) for name in spec["functions"])
    return not stood or any(name.startswith(below) for name in spec["passing"])


def pytest_runtest_logreport(report: Any) -> None:  # noqa: ANN401  # pytest's
    """Remember what failed."""
    if report.failed:
        _failed.append(report.nodeid)


def pytest_sessionfinish(session: Any, exitstatus: int) -> None:  # noqa: ANN401  # pytest's
    """Fail for what counts alone; an interrupted or broken session stays what it is."""
    if exitstatus in (0, 1, _NOTHING_COLLECTED):
        session.exitstatus = 1 if _failed else 0


@contextlib.contextmanager
def given(paths: list[str]) -> Iterator[None]:
    """Lay files that the tests need into the tree for a while; it is as before afterwards."""
    earlier = {path: Path(path).read_bytes() if Path(path).is_file() else None for path in paths}
    try:
        for number, path in enumerate(paths):
            Path(path).parent.mkdir(parents=True, exist_ok=True)
            Path(path).write_bytes(Path(f"/tools/given/{number}").read_bytes())
        yield
    finally:
        for path, content in earlier.items():
            if content is None:
                Path(path).unlink(missing_ok=True)
            else:
                Path(path).write_bytes(content)


def main() -> None:
    """Run the tests and end with their status."""
    spec = orders()
    with given(spec.get("given", [])):
        sys.exit(run(spec))


def run(spec: dict[str, Any]) -> int:
    """Run the tests in a process of their own; its status."""
    import subprocess

    files = [name for name in spec["files"] if Path(name).is_file()]
    environment = dict(os.environ) | {"PYTHONPATH": os.pathsep.join(["/tools", *spec["path"]])}
    command = [sys.executable, "-s", "-m", "pytest", "-q", "-p", "no:cacheprovider"]
    command += ["--continue-on-collection-errors"]
    command += ["-p", "validate", *spec["args"], *files]
    if not files:
        print("no test file of the task exists yet")  # noqa: T201  # the agent reads it
        return 0
    return subprocess.run(command, env=environment, check=False).returncode


if __name__ == "__main__":
    main()
