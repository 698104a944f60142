"""What a stage tells its caller, for the terminal and for asset metadata alike."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Protocol

from cra_pipeline.contracts.manifests import AssetManifest


@dataclass(frozen=True, slots=True, kw_only=True)
class StageReport:
    """Result of one stage on one partition."""

    manifest: AssetManifest
    preview: tuple[dict[str, str], ...] = ()
    """A few rows in words, all with the same keys, for a table."""
    plot: bytes | None = field(default=None, repr=False)
    """PNG, such as attrition by rule."""


NOTED = " | "
"""In ``Progress``: what stands before it holds for all units so far, such as a success rate."""


class Progress(Protocol):
    """Told about long work; the terminal draws a bar, a log prints lines."""

    def __call__(self, done: int, total: int, what: str) -> None:
        """``done`` of ``total`` units are finished; ``what`` names the last one."""
        ...


def silent(done: int, total: int, what: str) -> None:
    """Progress for callers that show none."""
