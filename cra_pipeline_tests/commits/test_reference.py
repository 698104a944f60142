"""The fast filter and the slow reference agree on a whole public repository."""

from __future__ import annotations

from pathlib import Path

import pytest

from cra_pipeline.commits.policy import FilterPolicy
from cra_pipeline.commits.stage import judge_history
from cra_pipeline.contracts.commits import CommitRow
from cra_pipeline_tests.benchmarks.reference import reference_rows
from cra_pipeline_tests.clones import real_clone
from cra_pipeline_tests.histories import Upstream


def verdict(row: CommitRow) -> tuple[object, ...]:
    """What both must give; facts that a rejection made needless are only in the reference."""
    common = (row.sha, row.reason, row.evidence, row.type, row.also_types, row.window)
    files = (row.source_files, row.test_files, row.other_files)
    counted = (row.related_tests, row.added_lines, row.deleted_lines) if row.qualified else ()
    return (*common, *files, *counted)


@pytest.mark.real
@pytest.mark.slow
@pytest.mark.parametrize("name", ["structlog"])
def test_every_verdict_is_that_of_the_reference(name: str) -> None:
    clone = real_clone(name)
    fast = judge_history(clone, name, policy=FilterPolicy(), revision="HEAD")
    slow = reference_rows(clone, name, "HEAD", FilterPolicy())

    assert [verdict(row) for row in fast] == [verdict(row) for row in slow]


def test_the_reference_agrees_on_a_small_history(tmp_path: Path) -> None:
    upstream = Upstream(tmp_path / "upstream")
    upstream.commit({"pkg/core.py": "x = 1\n", "tests/test_core.py": "\n"}, "Add the core")
    upstream.commit({"pkg/core.py": "x = 2\n" * 3}, "Store two in core")
    upstream.run("mv", "pkg/core.py", "pkg/kernel.py")
    upstream.commit({}, "Rename core to kernel")
    upstream.commit({"tests/test_kernel.py": "y = 1"}, "Test the kernel module")
    upstream.commit({"logo.png": b"\0"}, "Add the new logo")
    upstream.commit({"pkg/kernel.py": b"\0"}, "Store a strange byte")
    clone = upstream.path / ".git"
    fast = judge_history(clone, "demo", policy=FilterPolicy(), revision="HEAD")
    slow = reference_rows(clone, "demo", "HEAD", FilterPolicy())

    assert [verdict(row) for row in fast] == [verdict(row) for row in slow]
    assert sum(row.qualified for row in fast) == 2
