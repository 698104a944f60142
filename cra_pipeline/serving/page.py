"""A migration's report as a page for a person; the JSON beside it holds the same. Pure."""

from __future__ import annotations

from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from cra_pipeline.contracts.serving import AskedBoth, MigrationReport

_TEMPLATES = Path(__file__).parent / "templates"
_SHOWN = 8
"""Changed answers of each call kind."""
_TEXT = 300


def migration_page(report: MigrationReport) -> str:
    """HTML of a report; equal reports give equal text."""
    environment = Environment(
        loader=FileSystemLoader(_TEMPLATES),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        autoescape=True,
    )
    shown: list[AskedBoth] = []
    for kind in report.kinds:
        moved = [row for row in report.answers if row.call_kind == kind.call_kind and not row.equal]
        shown += moved[:_SHOWN]
    return environment.get_template("migration.html.j2").render(
        report=report, shown=shown, cut=_cut, share=_share
    )


def _cut(text: str) -> str:
    return text if len(text) <= _TEXT else f"{text[:_TEXT]}…"


def _share(value: float) -> str:
    return f"{value:.1%}"
