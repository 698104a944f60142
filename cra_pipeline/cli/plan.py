"""What has to be made for an asset, and what of it stands already.

The assets form one line: each is made of those before it, so the first one that is missing or
out of date decides where work begins.
"""

from __future__ import annotations

from dataclasses import dataclass

import click

from cra_pipeline.contracts.manifests import AssetManifest
from cra_pipeline.contracts.workspace import MULTI, Layout
from cra_pipeline.errors import CheckError, StoreError
from cra_pipeline.integrations.evidence import require_checked
from cra_pipeline.integrations.files import read_record
from cra_pipeline.kinds import ADAPTER_KINDS

PER_REPO = ("repo_snapshots", "commits", "repo_packages", "tasks")
PER_ROUND = ("attempts", "triples", "preference_pairs")
ASSETS = PER_REPO + PER_ROUND
WHOLE = ("cold_start",)
"""Assets without partitions, made of what the user lists and not of the line above."""
OVER_REPOS = (
    "raw_snapshot",
    "training_plan",
    "plan_documents",
    "round_increment",
    "round_pool",
    "holdout",
)
"""Assets of a round over all its repositories; each is made after those before it."""
BUNDLED = ("base_bundle",)
"""What is packed of a round once all of those are made."""
PER_KIND = ("sft_dataset", "dpo_dataset", "adapter", "holdout_attempts")
"""Assets of an adapter kind and a round, made of those above."""
GATED = ("gate_report", "registry_entry")
"""Assets of a kind and a round that judge what stands: nothing is made anew for them."""
OVER_KINDS = ("round_gate", "deployment")
"""Assets of a round over all its kinds, which judge or serve what stands, too."""
MADE = ASSETS + WHOLE + OVER_REPOS + BUNDLED + PER_KIND + GATED + OVER_KINDS
"""All of them."""

SHORT_NAMES = {"snapshots": "repo_snapshots", "packages": "repo_packages"} | {
    "pairs": "preference_pairs"
}

LIMITED = ("repo_packages", "tasks", "attempts")
"""Assets whose work ``--limit`` bounds."""


@dataclass(frozen=True, slots=True)
class Cell:
    """One partition of one asset."""

    asset: str
    partition: str


class AssetName(click.ParamType[str]):
    """Name of an asset, or its short form."""

    name = "asset"

    def get_metavar(self, param: click.Parameter, ctx: click.Context) -> str:  # noqa: ARG002  # click's signature
        """All names, for the usage line."""
        return "[" + "|".join((*MADE, *SHORT_NAMES)) + "]"

    def convert(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """Full name of the asset."""
        full = SHORT_NAMES.get(value, value)
        if full not in MADE:
            known = ", ".join(MADE)
            self.fail(f"{value!r} is no asset: expected one of {known}", param, ctx)
        return full


def partition_of(asset: str, repo: str, round_name: str) -> str:
    """Key of the asset's partition for a repository and, where it has that side, a round."""
    return repo if asset in PER_REPO else f"{repo}{MULTI}{round_name}"


def chain(target: str, repo: str, round_name: str) -> tuple[Cell, ...]:
    """Everything that ``target`` is made of, in the order of making, itself last."""
    assets = ASSETS[: ASSETS.index(target) + 1]
    return tuple(Cell(asset, partition_of(asset, repo, round_name)) for asset in assets)


def over_round(asset: str, round_name: str) -> tuple[Cell, ...]:
    """A cell of a round alone, behind those over its repositories that it is made of."""
    line = (*OVER_REPOS, *BUNDLED)
    chain = line[: line.index(asset) + 1] if asset in line else (asset,)
    return tuple(Cell(name, round_name) for name in chain)


def of_kind(asset: str, adapter_kind: str, round_name: str) -> tuple[Cell, ...]:
    """A cell of a kind and a round, behind the datasets that an adapter is trained from."""
    technique = ADAPTER_KINDS[adapter_kind].technique if adapter_kind in ADAPTER_KINDS else ""
    below = [name for name in PER_KIND[:2] if asset == "adapter" and name[:3] in technique]
    return tuple(Cell(name, f"{adapter_kind}{MULTI}{round_name}") for name in (*below, asset))


def unfinished(layout: Layout, cells: tuple[Cell, ...], *, limited: bool) -> tuple[Cell, ...]:
    """The cells that have to be made: the last one always, and all after the first stale one.

    Args:
        layout: The workspace.
        cells: A ``chain``.
        limited: Whether a limit is given, so that assets it bounds must be made again; their
            journals keep this cheap.
    """
    for number, cell in enumerate(cells[:-1]):
        if (limited and cell.asset in LIMITED) or not is_current(layout, cell):
            return cells[number:]
    return cells[-1:]


def missing(layout: Layout, cells: tuple[Cell, ...]) -> tuple[Cell, ...]:
    """As ``unfinished``, but nothing at all where even the last cell is up to date."""
    left = unfinished(layout, cells, limited=False)
    return () if left == cells[-1:] and is_current(layout, cells[-1]) else left


def is_current(layout: Layout, cell: Cell) -> bool:
    """Whether a partition is done, checked, and made of what its upstream holds now."""
    try:
        require_checked(layout, cell.asset, cell.partition)
        manifest = read_record(layout.manifest(cell.asset, cell.partition), AssetManifest)
    except (CheckError, StoreError):
        return False
    return all(
        _content_id(layout, item.name) in {item.content_id, None} for item in manifest.inputs
    )


def _content_id(layout: Layout, name: str) -> str | None:
    """Present content id of the input ``asset/partition``; None where it is no asset."""
    asset, _, partition = name.partition("/")
    if asset not in ASSETS:
        return None
    try:
        return read_record(layout.manifest(asset, partition), AssetManifest).content_id
    except StoreError:
        return ""
