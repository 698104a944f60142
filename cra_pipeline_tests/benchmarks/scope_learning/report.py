"""Last step: every method on the same lists, with intervals by commit.

Run: ``python -m cra_pipeline_tests.benchmarks.scope_learning.report RUN``, the folder with the
``scores.npz`` that ``train`` wrote. Features are fitted on the training split; what joins them with
the adapter, and every threshold, on validation. Writes ``report.json`` and ``report.md`` there.
"""

from __future__ import annotations

import json
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from cra_pipeline.contracts.ranking import MARGIN
from cra_pipeline.ranking.fitting import TreePolicy, fit_linear, fit_trees, linear_weights
from cra_pipeline.ranking.metrics import (
    NAMES,
    BootstrapPolicy,
    Lists,
    Measured,
    best_threshold,
)
from cra_pipeline.ranking.signals import COLUMNS, FOUR
from cra_pipeline_tests.benchmarks.scope_learning.corpus import HELD_OUT, TRAINING, home

Array = np.ndarray[Any, np.dtype[Any]]

_SETS = {"future": "test", "unseen": "unseen"}
_PAIRS = (
    ("adapter", "untuned base"),
    ("adapter", "BM25"),
    ("adapter", "four features"),
    ("adapter + four features", "four features"),
    ("adapter + boosted trees", "boosted trees"),
)
_BOOTSTRAP = BootstrapPolicy()


@dataclass(frozen=True)
class Table:
    """All rows; ``adapter`` and ``base`` are NaN where a row was not scored."""

    columns: Array
    touched: Array
    lists: Array
    split: Array
    hard: Array
    candidate: Array
    adapter: Array
    base: Array

    def rows(self, split: str, *, candidates: bool, scored: bool = False) -> Array:
        """Whether a row belongs to a split, and to a candidate list or a full one."""
        held = (self.split == split) & (self.candidate | (not candidates))
        whole: Array = held & self._whole(held) if scored else held
        return whole

    def _whole(self, held: Array) -> Array:
        """Lists of which every row was scored."""
        missing = np.unique(self.lists[held & np.isnan(self.adapter)])
        return ~np.isin(self.lists, missing)


def read(run: Path) -> Table:
    """Rows of all repositories, and the scores of a run."""
    wanted = ["sha", "split", "hard", "kind", "touched", *COLUMNS]
    names = (*TRAINING, *HELD_OUT)
    table = pa.concat_tables(
        pq.read_table(home() / f"rows-{name}.parquet", columns=wanted) for name in names
    )
    kind, split = (np.array(table[name].to_pylist()) for name in ("kind", "split"))
    # ``pack`` leaves out the rows without a prompt.
    packed = np.flatnonzero((split != "train") | (kind != "other"))
    held = np.load(run / "scores.npz")
    scores = np.full((2, len(kind)), np.nan)
    scores[:, packed[held["rows"]]] = held["adapter"], held["base"]
    return Table(
        columns=np.stack([table[name].to_numpy() for name in COLUMNS], axis=1),
        touched=table["touched"].to_numpy(),
        lists=table["sha"].combine_chunks().dictionary_encode().indices.to_numpy(),
        split=split,
        hard=table["hard"].to_numpy(),
        candidate=~np.isin(kind, ["further", "other"]),
        adapter=scores[0],
        base=scores[1],
    )


def methods(table: Table, *, candidates: bool) -> dict[str, Array]:
    """Scores of every method on all rows; those with the adapter are NaN where it is."""
    train = table.rows("train", candidates=candidates)
    val = table.rows("val", candidates=candidates, scored=True)
    four = table.columns[:, : len(FOUR)]
    linear = fit_linear(four[train], table.touched[train])
    trees = fit_trees(table.columns[train], table.touched[train], TreePolicy())
    grown = trees(table.columns)
    scored = ~np.isnan(table.adapter)

    def joined(columns: Array) -> Array:
        both = np.c_[columns, table.adapter]
        found = np.full(len(both), np.nan)
        found[scored] = fit_linear(both[val], table.touched[val])(both[scored])
        return found

    return {
        "always yes": np.ones(len(four)),
        "always no": np.zeros(len(four)),
        "BM25": four[:, 0],
        "four features": linear(four),
        "boosted trees": grown,
        "untuned base": table.base,
        "adapter": table.adapter,
        "adapter + four features": joined(four),
        "adapter + boosted trees": joined(grown),
    }


def thresholds(table: Table, found: dict[str, Array], *, candidates: bool) -> dict[str, float]:
    """Of each method, by F1 on validation."""
    val = table.rows("val", candidates=candidates, scored=True)
    told = {name: best_threshold(scores[val], table.touched[val]) for name, scores in found.items()}
    # A constant has no threshold but its meaning.
    return told | {"always yes": 0.5, "always no": 0.5}


def responder_weights(table: Table) -> dict[str, object]:
    """What the responder answers by: fitted on candidate lists, thresholds from validation."""
    train = table.rows("train", candidates=True)
    val = table.rows("val", candidates=True, scored=True)
    four = table.columns[:, : len(FOUR)]
    both = np.c_[four, table.adapter]
    told: dict[str, object] = {}
    for name, columns, rows, names in (
        ("FEATURES", four, train, FOUR),
        ("FEATURES_AND_MARGIN", both, val, (*FOUR, MARGIN)),
    ):
        found = linear_weights(names, columns[rows], table.touched[rows])
        scores = np.array([found.log_odds(row) for row in columns[val].tolist()])
        limit = best_threshold(scores, table.touched[val])
        told[name] = found.model_copy(update={"threshold": round(limit, 4)}).model_dump()
    return told


def measured(table: Table, *, candidates: bool) -> dict[str, dict[str, dict[str, Measured]]]:
    """By set of commits and method."""
    found = methods(table, candidates=candidates)
    limits = thresholds(table, found, candidates=candidates)
    told: dict[str, dict[str, dict[str, Measured]]] = {}
    for label, split in _SETS.items():
        for part in ("all", "hard"):
            rows = table.rows(split, candidates=candidates) & (table.hard | (part == "all"))
            lists = Lists(table.lists[rows], table.touched[rows])
            told[f"{label}, {part} ({lists.count})"] = {
                name: lists.measure(scores[rows], limits[name], _BOOTSTRAP)
                for name, scores in found.items()
            }
            print(candidates, label, part, flush=True)
    return told


def _cell(one: Measured) -> str:
    low, high = one.interval(_BOOTSTRAP.level)
    return f"{one.value:.3f} ({low:.3f} to {high:.3f})"


def _signed(one: Measured) -> str:
    low, high = one.interval(_BOOTSTRAP.level)
    return f"{one.value:+.3f} ({low:+.3f} to {high:+.3f})"


def tables(title: str, told: dict[str, dict[str, dict[str, Measured]]]) -> list[str]:
    """Markdown: every metric by set, then paired differences in MAP."""
    lines = []
    for label, found in told.items():
        lines += [f"\n### {title}: {label}\n", f"| method | {' | '.join(NAMES)} |"]
        lines += ["|---" * (len(NAMES) + 1) + "|"]
        lines += [
            f"| {name} | {' | '.join(_cell(one[metric]) for metric in NAMES)} |"
            for name, one in found.items()
        ]
    lines += [f"\n### {title}: MAP less MAP\n", f"| | {' | '.join(told)} |", "|---" * 5 + "|"]
    for better, worse in _PAIRS:
        cells = [_signed(found[better]["MAP"].less(found[worse]["MAP"])) for found in told.values()]
        lines.append(f"| {better} less {worse} | {' | '.join(cells)} |")
    return lines


def main() -> None:
    """Measure a run."""
    run = Path(sys.argv[1])
    table = read(run)
    lines, kept = [], {}
    weights = responder_weights(table)
    (run / "ranker.json").write_text(json.dumps(weights, indent=1), encoding="utf-8")
    for title, candidates in (("Candidate lists", True), ("All files", False)):
        told = measured(table, candidates=candidates)
        lines += tables(title, told)
        kept[title] = {
            label: {
                name: {key: [one.value, *one.interval(0.95)] for key, one in metrics.items()}
                for name, metrics in found.items()
            }
            for label, found in told.items()
        }
    (run / "report.json").write_text(json.dumps(kept, indent=1), encoding="utf-8")
    (run / "report.md").write_text("\n".join(lines) + "\n", encoding="utf-8")
    print("\n".join(lines))


if __name__ == "__main__":
    main()
