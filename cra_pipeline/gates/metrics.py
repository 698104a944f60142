"""Metrics as ratios of sums, so that one resampling of tasks serves them all.

A table of sums has one column per field of ``FIELDS``; what cannot be computed, such as a precision
without a yes, is not a number.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
from numpy.typing import NDArray

Sums = NDArray[np.float64]

FIELDS = (
    "attempts",
    "passed",
    "true_yes",
    "false_yes",
    "false_no",
    "true_no",
    "asked",
    "right",
    "wanted",
    "files_right",
    "files_named",
    "files_asked",
    "scored",
    "score",
    "plans",
    "valid",
)
"""Columns: judged attempts (1 for a task with any) and the share of them that passed; yes/no
answers by what was right, the unreadable ones as wrong; all yes/no answers of the kind, how many of
them are right and how many want a yes; files; measured answers; plans."""
COLUMN = {name: number for number, name in enumerate(FIELDS)}
OF_OUTCOMES = frozenset({"end_to_end", "pass_at_1", "plan_success"})
"""Metrics that are the share of tasks solved."""

Metric = Callable[[Sums], Sums]


def column(sums: Sums, name: str) -> Sums:
    """One field of a table of sums, over all of its rows."""
    return np.asarray(sums[..., COLUMN[name]], dtype=np.float64)


def ratio(top: Sums, bottom: Sums) -> Sums:
    """Not a number where the bottom is 0."""
    empty = np.asarray(bottom) <= 0
    return np.where(empty, np.nan, top / np.where(empty, 1.0, bottom))


def _share(top: str, *bottom: str) -> Metric:
    def measure(sums: Sums) -> Sums:
        return ratio(column(sums, top), sum((column(sums, name) for name in bottom), np.zeros(())))

    return measure


_recall = _share("true_yes", "true_yes", "false_no")
_specificity = _share("true_no", "true_no", "false_yes")


def _f1(sums: Sums) -> Sums:
    twice = 2 * column(sums, "true_yes")
    return ratio(twice, twice + column(sums, "false_yes") + column(sums, "false_no"))


def _balanced(sums: Sums) -> Sums:
    return (_recall(sums) + _specificity(sums)) / 2


def _file_f1(sums: Sums) -> Sums:
    both = column(sums, "files_named") + column(sums, "files_asked")
    return ratio(2 * column(sums, "files_right"), both)


_solved = _share("passed", "attempts")

METRICS: Mapping[str, Metric] = {
    "accuracy": _share("right", "asked"),
    "answer_score": _share("score", "scored"),
    "balanced_accuracy": _balanced,
    "end_to_end": _solved,
    "f1": _f1,
    "file_f1": _file_f1,
    "file_precision": _share("files_right", "files_named"),
    "file_recall": _share("files_right", "files_asked"),
    "pass_at_1": _solved,
    "plan_success": _solved,
    "precision": _share("true_yes", "true_yes", "false_yes"),
    "primary_recall": _recall,
    "recall": _recall,
    "relevant_recall": _recall,
    "valid_plans": _share("valid", "plans"),
}
"""Each in [0, 1]; takes sums in the last axis."""

OF_FORM = {
    "binary": (
        "balanced_accuracy",
        "accuracy",
        "precision",
        "f1",
        "end_to_end",
    ),
    "files": ("file_f1", "file_recall", "file_precision", "end_to_end"),
    "outcome": ("answer_score", "valid_plans"),
}
"""What is shown of every kind of a form, beside what its rules name."""


def constant_answers(sums: Sums, *, yes: bool) -> Sums:
    """What an arm that always says the same would have got on the same questions."""
    found = np.zeros_like(sums)
    wanted = column(sums, "true_yes") + column(sums, "false_no")
    unwanted = column(sums, "false_yes") + column(sums, "true_no")
    asked, all_wanted = column(sums, "asked"), column(sums, "wanted")
    found[..., COLUMN["true_yes" if yes else "false_no"]] = wanted
    found[..., COLUMN["false_yes" if yes else "true_no"]] = unwanted
    found[..., COLUMN["asked"]] = asked
    found[..., COLUMN["wanted"]] = all_wanted
    found[..., COLUMN["right"]] = all_wanted if yes else asked - all_wanted
    return found
