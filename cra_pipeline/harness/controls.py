"""Changes that must not pass: the no-op and fourteen categories of forged results.

The fifteenth, the hard-coded answer, is no control but the limit of all of this: a source that
returns exactly what the hidden tests ask for is indistinguishable from a bad solution by running
those tests. What answers it is that an agent never sees them.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from types import MappingProxyType

from cra_pipeline.harness.forging.leaving import (
    exit_at_import,
    forged_channel_lines,
    forged_junit_then_exit,
    module_level_skip,
)
from cra_pipeline.harness.forging.painting import (
    always_equal_object,
    patched_report_class,
    rewritten_outcome,
    xfail_from_inside,
)
from cra_pipeline.harness.forging.steering import (
    conftest_hook,
    deselecting_addopts,
    edited_test,
    ini_plugin,
    shadowed_pytest,
    sitecustomize,
)
from cra_pipeline.harness.forging.target import Target

NOOP = "noop"
"""Category of the control that changes nothing."""

CATEGORIES: Mapping[str, Callable[[Target], dict[str, str]]] = MappingProxyType(
    {
        forger.__name__: forger
        for forger in (
            *(exit_at_import, forged_junit_then_exit, conftest_hook, sitecustomize, edited_test),
            *(deselecting_addopts, patched_report_class, always_equal_object, module_level_skip),
            *(forged_channel_lines, rewritten_outcome, xfail_from_inside, ini_plugin),
            shadowed_pytest,
        )
    }
)
"""Forgers by category; each turns a target into the new text of files by path."""


def drawn(task_id: str, count: int = 3) -> tuple[str, ...]:
    """Categories for one task, drawn by its id and sorted; all of them from 14 on."""

    def ticket(category: str) -> str:
        return hashlib.sha256(f"{task_id}:{category}".encode()).hexdigest()

    return tuple(sorted(sorted(CATEGORIES, key=ticket)[:count]))


def forge(category: str, target: Target) -> dict[str, str]:
    """The forging edits of one category, applied to this task: whole new texts by path.

    Raises:
        ValueError: The category is unknown, or the target has no source files.
    """
    if category not in CATEGORIES:
        raise ValueError(f"control {category!r} is unknown; expected one of {sorted(CATEGORIES)}")
    return CATEGORIES[category](target)
