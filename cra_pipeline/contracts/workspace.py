"""Where everything lies in a workspace: path arithmetic only, nothing is created here."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

MULTI = "|"
"""Dagster's separator of a two-dimensional partition key."""


@dataclass(frozen=True, slots=True)
class Layout:
    """Paths below one workspace folder (absolute)."""

    root: Path

    def partition(self, asset: str, partition: str) -> Path:
        """Folder of one partition; a two-dimensional key ``repo|r01`` becomes two levels."""
        return self.root / asset / Path(*partition.split(MULTI))

    def table(self, asset: str, partition: str) -> Path:
        """The Parquet file of one partition, ``<asset>/<partition>/<asset>.parquet``."""
        return self.partition(asset, partition) / f"{asset}.parquet"

    def manifest(self, asset: str, partition: str) -> Path:
        """Its ``AssetManifest``."""
        return self.partition(asset, partition) / "asset.json"

    def journal(self, asset: str, partition: str) -> Path:
        """JSON lines of finished units, appended while the stage works."""
        return self.partition(asset, partition) / "journal.jsonl"

    def check(self, asset: str, partition: str) -> Path:
        """The ``CheckReport`` that the next stage re-reads; ``all.json`` without partitions."""
        name = partition.replace(MULTI, "__") or "all"
        return self.root / "checks" / asset / f"{name}.json"

    def snapshot(self, repo: str) -> Path:
        """Bare clone of a repository; ``refs/heads/pinned`` is its head."""
        return self.partition("repo_snapshots", repo) / "repo.git"

    def package(self, repo: str) -> Path:
        """Repo package: ``repo/``, ``packages/``, ``manifest.json``."""
        return self.partition("repo_packages", repo) / "package"

    @property
    def sources(self) -> Path:
        """The user's own repositories."""
        return self.root / "sources.toml"

    @property
    def rounds(self) -> Path:
        """Folder of round records."""
        return self.root / "rounds"

    @property
    def wheels(self) -> Path:
        """Content-addressed wheels, ``<sha256>/<filename>``."""
        return self.root / "wheels"

    @property
    def envs(self) -> Path:
        """Environments by lock hash."""
        return self.root / "envs"

    @property
    def raw_db(self) -> Path:
        """The agent's raw database of this workspace, into which attempts are merged."""
        return self.root / "raw" / "raw.sqlite"

    @property
    def curated_db(self) -> Path:
        """The agent's curated database of this workspace: ``adapter_metadata`` alone is ours."""
        return self.root / "curated" / "curated.sqlite"

    @property
    def bases(self) -> Path:
        """Frozen base models, ``<base_id>/base.json`` and ``<base_id>/model/``."""
        return self.root / "bases"

    @property
    def registry(self) -> Path:
        """The ledger of adapter versions, ``ledger.jsonl``."""
        return self.root / "registry"

    def adapter_version(self, version: str) -> Path:
        """A version's own copy of its files, as they were registered; servers load it from here."""
        return self.registry / "versions" / version

    @property
    def locks(self) -> Path:
        """Advisory lock files, one per partition at work."""
        return self.root / "locks"

    @property
    def scratch(self) -> Path:
        """Work in flight; may be deleted whenever nothing runs."""
        return self.root / "scratch"

    @property
    def drops(self) -> Path:
        """Where repo packages arrive."""
        return self.root / "drops"
