"""The numbers of the packages stage, and nothing that decides by them."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass

RULES = 1
"""Part of every journal key: raise it when the ladder decides otherwise for equal numbers."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PackagePolicy:
    """Which commits get an environment, and how far the ladder goes for it.

    Attributes:
        kinds: Kinds of commits (``CommitRow.kind``) that get an environment.
        limit: Newest commits of each kind; 0 for all.
        dated_floor: Earliest day that bounds a dated resolution: before it, wheels for this
            Python hardly exist.
        pytest_floor: Oldest pytest that the test runner's plugin speaks to.
        probe_files: Most touched test files that a probe collects.
        sample_files: Test files that stand for the tests of a commit which touches none.
        relaxations: Requirements that one resolution may loosen or leave out.
        missing_rounds: How often a probe's missing modules are turned into requirements.
        lock_mb: Largest sum of downloads of one lock, in megabytes.
        copied_share: Share of a file's lines found in a wheel's file that makes it a copy.
        copied_lines: Newly introduced lines in such a copy that make it a leak.
        trivial_bytes: Files below this size prove nothing by being equal.
        probe_cpu_s: Processor time of one collection of the touched tests, in seconds; the
            clock on the wall allows five times that.
        index_url: Simple index on loopback; empty for uv's own configuration.
        index_label: Digest of what that index offers; it stands for the address in evidence.
    """

    kinds: tuple[str, ...] = ("source-and-tests", "tests-only", "source-only")
    limit: int = 0
    dated_floor: str = "2023-01-01"
    pytest_floor: str = "7.2"
    probe_files: int = 20
    sample_files: int = 3
    relaxations: int = 8
    missing_rounds: int = 3
    lock_mb: int = 1500
    copied_share: float = 0.6
    copied_lines: int = 3
    trivial_bytes: int = 200
    probe_cpu_s: float = 120.0
    index_url: str = ""
    index_label: str = ""

    def evidence(self) -> str:
        """Canonical JSON for manifests and keys; the index's port is no part of it."""
        numbers = asdict(self)
        del numbers["index_url"]
        return json.dumps(numbers, sort_keys=True)

    def ladder_evidence(self) -> str:
        """What decides one commit's row: everything but the choice of commits."""
        numbers = json.loads(self.evidence())
        del numbers["limit"], numbers["kinds"]
        return json.dumps(numbers | {"rules": RULES}, sort_keys=True)


DEFAULT_POLICY = PackagePolicy()
"""The numbers that the shell starts from."""
