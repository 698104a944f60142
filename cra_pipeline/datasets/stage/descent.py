"""What was trained from datasets: adapters, versions in the registry's ledger, bundles of a base.

The ledger is read as it lies there; what it means for service is the registry's to say.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import Path

from cra_pipeline.contracts.adapters import AdapterManifest
from cra_pipeline.contracts.manifests import AssetManifest
from cra_pipeline.contracts.registry import LedgerLine
from cra_pipeline.contracts.workspace import Layout
from cra_pipeline.integrations.files import peek_journal, read_record

_ADAPTER, _BUNDLE = "adapter", "base_bundle"
_OF_BUNDLES = ("round_increment", "plan_documents")
_SERVICE = ("promotion_done", "rollback_done")


@dataclass(frozen=True, slots=True, kw_only=True)
class Trained:
    """Something that was trained, or that another trains from.

    Attributes:
        name: Such as ``adapter/scope/r01``, ``scope-v3`` or ``base_bundle/r02``.
        sources: Content ids of the datasets, or increments and plans, that it was made of.
        version: Whether it is a version of the registry.
    """

    name: str
    sources: frozenset[str]
    version: bool = False

    def descends(self, held: Collection[str]) -> bool:
        """Whether one of its sources is among some artifacts, by content id."""
        return not self.sources.isdisjoint(held)


def all_trained(layout: Layout) -> Iterator[Trained]:
    """Adapters as they lie there, every version that was registered, and bundles.

    Raises:
        StoreError: A manifest or the ledger is damaged.
    """
    for path in sorted((layout.root / _ADAPTER).glob("*/*/adapter.json")):
        kind, name = path.parts[-3:-1]
        yield Trained(name=f"{_ADAPTER}/{kind}/{name}", sources=_of_recipe(path))
    known: dict[str, frozenset[str]] = {}
    for line in _ledger(layout):
        if line.act == "registered":
            known[line.version] = frozenset(line.datasets)
    for path in sorted((layout.registry / "versions").glob("*/adapter.json")):
        # A registration that was cut off leaves files without a line.
        known.setdefault(path.parent.name, _of_recipe(path))
    for name in sorted(known):
        yield Trained(name=name, sources=known[name], version=True)
    for path in sorted((layout.root / _BUNDLE).glob("*/asset.json")):
        inputs = read_record(path, AssetManifest).inputs
        sources = (item.content_id for item in inputs if item.name.startswith(_OF_BUNDLES))
        yield Trained(name=f"{_BUNDLE}/{path.parent.name}", sources=frozenset(sources))


def _of_recipe(path: Path) -> frozenset[str]:
    recipe = read_record(path, AdapterManifest).recipe
    return frozenset(item.content_id for item in recipe.datasets)


def to_retire(layout: Layout, versions: Collection[str]) -> tuple[str, ...]:
    """Commands that take versions out of service for good; none for those that are out already.

    Raises:
        StoreError: The ledger is damaged.
    """
    lines = _ledger(layout)
    retired = {line.version for line in lines if line.act == "retired"}
    serving = {line.adapter_kind: line.version for line in lines if line.act in _SERVICE}
    commands = []
    for name in sorted({*versions} - retired):
        kind = name.rpartition("-v")[0]
        if serving.get(kind) == name:
            commands.append(f"cra-pipeline rollback {kind}")
        commands.append(f"cra-pipeline retire {name}")
    return tuple(commands)


def _ledger(layout: Layout) -> tuple[LedgerLine, ...]:
    return peek_journal(layout.registry / "ledger.jsonl", LedgerLine)
