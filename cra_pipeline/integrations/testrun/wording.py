"""Failure texts that repeat from run to run: no addresses, times, process ids or folders.

Pure. The inside of the sandbox has no host paths but ``/tmp`` names that differ by run.
"""

from __future__ import annotations

import re

from cra_pipeline.contracts.testrun import TestResult

_SHIFTING = (
    (re.compile(r"\b0x[0-9a-fA-F]+"), "0x…"),
    (re.compile(r"\b\d{4}-\d\d-\d\d[T ]\d\d:\d\d(:\d\d(\.\d+)?)?(Z|[+-]\d\d:?\d\d)?"), "<time>"),
    (re.compile(r"\b\d\d:\d\d:\d\d(\.\d+)?\b"), "<time>"),
    (re.compile(r"\b\d+(\.\d+)? ?(seconds|secs?|ms|µs|us|s)\b"), "<duration>"),
    (re.compile(r"\b[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\b"), "<uuid>"),
    (re.compile(r"(?<![\w/])/(tmp|var/tmp|dev/shm)/[^\s'\",:;)\]}]+"), "<tmp>"),
    (re.compile(r"\b(pid|PID)([ =:]+)\d+"), r"\1\2…"),
)

_WORST_FIRST = (
    TestResult.FAILED,
    TestResult.ERROR,
    TestResult.SKIPPED,
    TestResult.XFAILED,
    TestResult.XPASSED,
    TestResult.PASSED,
)


def steady(text: str) -> str:
    """One line of ``text`` with everything replaced that changes from run to run."""
    line = " ".join(text.split())
    for pattern, replacement in _SHIFTING:
        line = pattern.sub(replacement, line)
    return line


def worse(one: TestResult, other: TestResult) -> TestResult:
    """Of two results of one test id, the one that counts."""
    return min(one, other, key=_WORST_FIRST.index)
