"""Published data sets: what a user lists of them, and one row as a reader hands it on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from cra_pipeline.contracts.record import Record


@dataclass(frozen=True, slots=True, kw_only=True)
class PublishedRow:
    """One row of a published data set, in memory only.

    Attributes:
        dataset: Key of the set, such as ``commitpackft``.
        licence: Of the row where the set says it, else of the set, else the one that the user
            named; empty where nobody says.
        row: File name and line or row number from 1, such as ``data.jsonl:17``.
        texts: The set's columns that a conversion reads, by published name.
        fault: Why it cannot be read, as a code, such as ``null_column response``; empty else.
    """

    dataset: str
    licence: str
    row: str
    texts: Mapping[str, str]
    fault: str = ""


class ColdStartFile(Record):
    """One entry ``[[files]]`` of ``cold_start.toml``."""

    set: str
    """Key of the published data set."""
    path: str
    """A file, or a pattern such as ``data/train-*.parquet``; relative to the workspace."""
    licence: str = ""
    """Where neither the set nor the row states one."""
    count: int = 0
    """Rows to draw, before those are dropped that cannot be said; 0 for all."""
    edits: Literal["whole", "lintseq"] = "whole"
    """Of whole programs: one edit, or a sequence of lint-clean ones."""
    linter: Literal["built_in", "ruff"] = "built_in"
    """Which one calls the states of an edit sequence clean; ``ruff`` finds more, and is slower."""
    pairs: bool = False
    """Whether commits also give preference pairs (after against before)."""
    prompt_column: str = ""
    """Where the set's columns are not documented: the one that holds the prompt."""
    completion_column: str = ""
    """Where the set's columns are not documented: the one that holds the answer."""


class ColdStartPlan(Record):
    """``cold_start.toml`` in the workspace: what is taken from which published files."""

    seed: int = 0
    """Seeds every draw."""
    files: tuple[ColdStartFile, ...] = ()
