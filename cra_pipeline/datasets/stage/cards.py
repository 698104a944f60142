"""Writes the data card and its plots beside a dataset."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from cra_pipeline.contracts.datasets import DatasetManifest
from cra_pipeline.contracts.manifests import Count
from cra_pipeline.contracts.workspace import Layout
from cra_pipeline.datasets.card import (
    CardFacts,
    counted,
    data_card,
    words_on_origin,
    words_on_plan,
    words_on_tokens,
)
from cra_pipeline.datasets.facts import Facts
from cra_pipeline.datasets.judging import Court
from cra_pipeline.datasets.stage.dataset_files import Cell
from cra_pipeline.datasets.stage.guide import plan_input
from cra_pipeline.datasets.stage.pools import pooled
from cra_pipeline.integrations.files import write_bytes
from cra_pipeline.integrations.plots import bar_plot

_PLANS = "planning_dpo"


@dataclass(frozen=True, slots=True)
class CardRow:
    """What a card tells of one row.

    Attributes:
        facts: Of the row.
        length: In tokens.
        licence: Of its source.
    """

    facts: Facts
    length: int
    licence: str


def write_card(
    layout: Layout,
    folder: Path,
    manifest: DatasetManifest,
    court: Court,
    rows: Sequence[CardRow],
) -> None:
    """Write ``card.md`` and the plots that it shows.

    Raises:
        StoreError: The plan is damaged, or the disk is full.
        CheckError: The pool is not what it was.
    """
    lengths = [row.length for row in rows]
    write_bytes(folder / "domains.png", domain_plot(layout, manifest))
    write_bytes(folder / "lengths.png", _length_plot(layout, lengths))
    facts = CardFacts(
        by_call=counted([_asked(row.facts) for row in rows]),
        by_licence=counted([row.licence for row in rows]),
        tokens=(max(lengths), sum(lengths)),
        counting=words_on_tokens(court.counter.name, exact=court.counter.exact),
        plan=words_on_plan(
            court.quota.wanted,
            court.quota.sources,
            planned=bool(plan_input(layout, manifest.round)),
        ),
        calls=tuple(sorted({row.facts.call_kind for row in rows})),
        origins=counted([words_on_origin(row.facts) for row in rows]),
        reasoning=_reasoned(layout, Cell(manifest.form, manifest.adapter_kind, manifest.round)),
        plots=(("domains.png", "Rows by domain"), ("lengths.png", "Rows by length")),
    )
    write_bytes(folder / "card.md", data_card(manifest, facts).encode())


def _reasoned(layout: Layout, cell: Cell) -> tuple[Count, ...] | None:
    """Plans that came with a model's reasoning, by call kind and model; of other kinds None."""
    if cell.adapter_kind != _PLANS:
        return None
    rows = pooled(layout, cell.round, cell.adapter_kind, "sft")
    return counted([f"{row.call_kind} by {row.origin.author}" for row in rows if row.thinking])


def _asked(row: Facts) -> str:
    if row.verdict is None:
        return row.call_kind
    return f"{row.call_kind}: {'yes' if row.verdict else 'no'}"


def domain_plot(layout: Layout, manifest: DatasetManifest) -> bytes:
    """Rows by domain as a PNG; published rows, which have none, as a bar of their own."""
    bars = [(item.label or "(published)", item.count) for item in manifest.by_domain]
    title = f"{manifest.adapter_kind} {manifest.round} {manifest.form}: rows by domain"
    return bar_plot(title, bars, unit="rows", cache=layout.scratch / "matplotlib")


def _length_plot(layout: Layout, lengths: Sequence[int]) -> bytes:
    edges = (256, 512, 1024, 2048, 4096, 8192, 16384, 32768)
    below = [sum(length <= edge for length in lengths) for edge in edges]
    bars = [
        (f"at most {edge}", count - before)
        for edge, count, before in zip(edges, below, (0, *below), strict=False)
    ]
    return bar_plot("rows by length", bars, unit="rows", cache=layout.scratch / "matplotlib")


def preview_of(manifest: DatasetManifest) -> tuple[dict[str, str], ...]:
    """Shares of the rows, for whoever looks at the asset."""
    groups = (
        ("replay", (Count(label="earlier rounds", count=manifest.replayed),)),
        # Rows of published sets have none, and the rule counts without them.
        ("domain", tuple(item for item in manifest.by_domain if item.label)),
        ("source", manifest.by_source),
        ("label", manifest.by_label),
    )
    total = {"domain": sum(item.count for item in manifest.by_domain if item.label)}
    return tuple(
        {"what": what, "of": item.label, "rows": str(item.count),
         "share": f"{item.count / (total.get(what, manifest.rows) or 1):.1%}"}
        for what, counts in groups
        for item in counts
    )  # fmt: skip
