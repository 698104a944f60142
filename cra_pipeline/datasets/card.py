"""The data card: what a dataset is made of, for a person. Pure."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from cra_pipeline.contracts.datasets import DatasetManifest
from cra_pipeline.contracts.manifests import Count
from cra_pipeline.kinds import ADAPTER_KINDS

_TEMPLATES = Path(__file__).parent / "templates"


@dataclass(frozen=True, slots=True, kw_only=True)
class CardFacts:
    """What a card says beyond the manifest.

    Attributes:
        by_call: Rows by call kind and, of yes/no questions, answer.
        by_licence: Rows by licence.
        tokens: Of the longest row, and of all rows together.
        reasoning: Candidates that came with a teacher's reasoning, by call kind.
        plots: File names of the plots beside the card, with their titles.
    """

    by_call: tuple[Count, ...]
    by_licence: tuple[Count, ...]
    tokens: tuple[int, int]
    reasoning: tuple[Count, ...]
    plots: tuple[tuple[str, str], ...]


def data_card(manifest: DatasetManifest, facts: CardFacts) -> str:
    """Markdown; equal arguments give equal text."""
    environment = Environment(
        loader=FileSystemLoader(_TEMPLATES),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        autoescape=False,  # noqa: S701  # Markdown, no HTML; cells are escaped by the filter below
    )
    environment.filters["cell"] = _cell
    return environment.get_template("card.md.j2").render(
        manifest=manifest,
        facts=facts,
        kind=ADAPTER_KINDS[manifest.adapter_kind],
        numbers=sorted(json.loads(manifest.policy).items()),
        tables=(
            ("Source", manifest.by_source),
            ("Domain", manifest.by_domain),
            ("Repository", manifest.by_repo),
            ("Kind of call and answer", facts.by_call),
            ("Label", manifest.by_label),
            ("Round that first admitted it", manifest.by_round),
            ("Licence", facts.by_licence),
        ),
    )


def counted(labels: Sequence[str]) -> tuple[Count, ...]:
    """Labels with how often each occurs, the most frequent first, then by label."""
    tallies = sorted(Counter(labels).items(), key=lambda item: (-item[1], item[0]))
    return tuple(Count(label=label, count=count) for label, count in tallies)


def _cell(text: object) -> str:
    words = " ".join(str(text).split())
    return words.replace("\\", "\\\\").replace("|", "\\|").replace("<", "&lt;") or "(none)"
