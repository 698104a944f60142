"""Stage reports as what the Dagster UI shows beside a materialisation."""

import base64
import json
from collections.abc import Mapping, Sequence
from typing import Any

import dagster as dg

from cra_pipeline.contracts.manifests import CheckReport, Count
from cra_pipeline.contracts.reports import StageReport


def materialized(report: StageReport) -> dg.MaterializeResult[None]:
    """Row count, reasons, a preview and a plot; the content id is the data version."""
    manifest = report.manifest
    metadata: dict[str, dg.MetadataValue[Any]] = {
        "dagster/row_count": dg.MetadataValue.int(manifest.rows),
        "content_id": dg.MetadataValue.text(manifest.content_id),
        "policy": dg.MetadataValue.json(json.loads(manifest.policy)),
        "counts": dg.MetadataValue.md(counts_table(manifest.counts)),
    }
    if report.preview:
        metadata["preview"] = dg.MetadataValue.md(markdown_table(report.preview))
    if report.plot is not None:
        metadata["plot"] = dg.MetadataValue.md(picture(report.plot))
    return dg.MaterializeResult(metadata=metadata, data_version=dg.DataVersion(manifest.content_id))


def judged(report: CheckReport) -> dg.AssetCheckResult:
    """A stored check as Dagster's; the findings are its description."""
    return dg.AssetCheckResult(
        passed=report.passed,
        description="\n".join((*(report.findings or ("holds",)), *report.notes)),
        metadata={"content_id": report.content_id},
    )


def counts_table(counts: Sequence[Count]) -> str:
    """Rows by reason as Markdown, with their share."""
    total = sum(item.count for item in counts)
    return markdown_table(
        [
            {
                "reason": item.label or "(none)",
                "rows": str(item.count),
                "share": f"{item.count / total:.1%}",
            }
            for item in counts
        ]
    )


def markdown_table(rows: Sequence[Mapping[str, str]]) -> str:
    """Rows that share their keys as a Markdown table; what would break a cell is escaped."""
    if not rows:
        return "(no rows)"
    header = list(rows[0])
    lines = [header, ["---"] * len(header), *([row[key] for key in header] for row in rows)]
    return "\n".join("| " + " | ".join(_cell(cell) for cell in line) + " |" for line in lines)


def _cell(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace("|", "\\|").replace("<", "&lt;")
    return " ".join(escaped.split())


def picture(png: bytes) -> str:
    """A PNG inside Markdown, so that the UI needs no file of ours."""
    return f"![plot](data:image/png;base64,{base64.b64encode(png).decode()})"
