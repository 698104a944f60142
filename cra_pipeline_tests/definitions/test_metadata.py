"""What a reader of the UI sees beside a materialisation."""

from __future__ import annotations

import base64

import dagster as dg
import pytest

from cra_pipeline.contracts.manifests import AssetManifest, CheckReport, Count
from cra_pipeline.contracts.reports import StageReport
from cra_pipeline.definitions.metadata import counts_table, judged, markdown_table, materialized

MANIFEST = AssetManifest(
    asset="commits",
    partition="svcs",
    rows=4,
    content_id="ab" * 32,
    inputs=(),
    counts=(Count(label="docs_only", count=3), Count(label="", count=1)),
    policy="{}",
)


def test_a_materialisation_carries_rows_reasons_preview_and_plot() -> None:
    report = StageReport(manifest=MANIFEST, preview=({"commit": "ab12"},), plot=b"\x89PNG")

    result = materialized(report)

    assert result.metadata is not None
    assert set(result.metadata) == {
        *("dagster/row_count", "content_id", "policy", "counts", "preview", "plot")
    }
    assert result.metadata["dagster/row_count"] == dg.MetadataValue.int(4)
    encoded = base64.b64encode(b"\x89PNG").decode()
    assert result.metadata["plot"] == dg.MetadataValue.md(
        f"![plot](data:image/png;base64,{encoded})"
    )


def test_the_content_id_is_the_data_version() -> None:
    result = materialized(StageReport(manifest=MANIFEST))

    assert result.data_version == dg.DataVersion(MANIFEST.content_id)


def test_nothing_to_preview_gives_no_empty_tables() -> None:
    result = materialized(StageReport(manifest=MANIFEST))

    assert result.metadata is not None
    assert not {"preview", "plot"} & set(result.metadata)


@pytest.mark.parametrize(
    ("cell", "shown"),
    [
        ("a|b", "a\\|b"),
        ("two\nlines", "two lines"),
        ("<img src=x>", "&lt;img src=x>"),
        ("back\\slash", "back\\\\slash"),
    ],
)
def test_text_of_a_repository_cannot_break_the_table(cell: str, shown: str) -> None:
    assert markdown_table([{"subject": cell}]).splitlines()[-1] == f"| {shown} |"


def test_counts_are_shown_with_their_share() -> None:
    lines = counts_table(MANIFEST.counts).splitlines()

    assert lines[2:] == ["| docs_only | 3 | 75.0% |", "| (none) | 1 | 25.0% |"]


def test_no_rows_are_said_to_be_none() -> None:
    assert counts_table(()) == "(no rows)"


@pytest.mark.parametrize(
    ("findings", "passed"), [((), True), (("two rows for ab12", "one more"), False)]
)
def test_a_check_keeps_its_findings(findings: tuple[str, ...], passed: bool) -> None:  # noqa: FBT001  # parametrized
    report = CheckReport(
        asset="commits",
        partition="svcs",
        content_id=MANIFEST.content_id,
        passed=passed,
        findings=findings,
    )

    result = judged(report)

    assert result.passed is passed
    assert result.description == ("\n".join(findings) or "holds")
