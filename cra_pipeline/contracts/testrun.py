"""One run of a repository's tests in the sandbox, and what it showed."""

from __future__ import annotations

import enum
from pathlib import Path

from cra_pipeline.contracts.packages import EnvironmentRow
from cra_pipeline.contracts.record import Record
from cra_pipeline.contracts.sandbox import Ending, Limits


class TestResult(enum.StrEnum):
    """Result of one test id, as pytest names it."""

    __test__ = False  # pytest: a word of the field, not a test class

    PASSED = "passed"
    FAILED = "failed"
    ERROR = "error"
    SKIPPED = "skipped"
    XFAILED = "xfailed"
    XPASSED = "xpassed"


class TestRunRequest(Record):
    """Which tests to run over which tree, in which order."""

    __test__ = False

    tree: Path
    """Host folder with the base checkout; unchanged by the run."""
    layers: tuple[Path, ...]
    """Laid over the tree, the last wins: the candidate's files, then the protected ones."""
    deleted: tuple[str, ...] = ()
    """Paths removed inside before the tests start."""
    environment: EnvironmentRow
    env_folder: Path
    """``envs/<lock hash>`` on the host."""
    test_files: tuple[str, ...]
    """Paths relative to the tree; those absent from it are reported as collection errors."""
    order_seed: int = 0
    """0 keeps the file order; any other number shuffles files and the tests within them."""
    hash_seed: int = 0
    sentinels: bool = True
    """Whether random must-fail and must-pass tests run among the others."""
    collect_only: bool = False
    tracebacks: bool = False
    """Whether what pytest prints tells why a test failed; the report is the same."""
    limits: Limits = Limits()


class TestOutcome(Record):
    """One test id with its result."""

    __test__ = False

    test_id: str
    """Pytest node id, such as ``tests/test_a.py::test_b[1]``."""
    result: TestResult
    detail: str
    """Last line of the failure without addresses and times; empty where passed."""


class TestRunReport(Record):
    """What arrived on the result channel, and whether it can be believed."""

    __test__ = False

    ending: Ending
    outcomes: tuple[TestOutcome, ...]
    """Sorted by test id; sentinels are taken out."""
    collect_errors: tuple[TestOutcome, ...]
    """Test files that could not be imported, as ids without ``::``."""
    missing_modules: tuple[str, ...]
    """Top-level names of ``ModuleNotFoundError`` seen, sorted."""
    complete: bool
    """Whether the closing line of the session arrived, with the right nonce."""
    forged: str
    """Why the report cannot be believed, such as ``must_fail_sentinel_passed``; else empty."""
    detail: str
    """For a person: how it ended and the last words on stderr."""
