"""Ways back from a dataset's row, and tombstones of what may be used no more."""

from __future__ import annotations

from typing import Literal

from cra_pipeline.contracts.record import Record

Aim = Literal["repo", "licence", "commit"]


class TraceStep(Record):
    """One step on the way from a row back to its source."""

    step: str
    """``row``, ``candidate``, ``triple``, ``pair``, ``call``, ``attempt``, ``task``, ``commit``,
    ``repository`` or ``published``."""
    key: str
    """Id of what the step leads to."""
    file: str
    """Where it lies, relative to the workspace, with its line where it has one."""
    found: bool
    """Whether it lies there."""
    note: str
    """What a person wants to know of it."""


class Descendant(Record):
    """Rows of one artifact that descend from a source."""

    holder: str
    """Asset and partition, such as ``sft_dataset/scope/r01``, ``round_increment/r01``."""
    content_id: str
    """Of the artifact as it was looked through; of datasets also those that were replaced since."""
    rows: tuple[str, ...]
    """``example_id`` of each, sorted; of plans commit and path, of attempts on the holdout their
    id."""


class Takedown(Record):
    """``takedowns/<name>.json``: written once, never changed; nothing that it names is deleted."""

    by: Aim
    target: str
    """Key of the repository, the licence, or the commit's full id."""
    reason: str
    """As a person gave it; may be empty."""
    repos: tuple[str, ...]
    """Repositories, or published data sets, none of whose rows may be used, sorted."""
    licences: tuple[str, ...]
    """Licences likewise."""
    commits: tuple[str, ...]
    """Full ids likewise, sorted: a repository under another name keeps its commits' ids."""
    patch_ids: tuple[str, ...]
    """Changes likewise: a commit that was picked onto another branch keeps its change's id."""
    descendants: tuple[Descendant, ...]
    """What held such rows when this was written, sorted by holder."""
    adapters: tuple[str, ...]
    """What was trained from these by then, such as ``adapter/scope/r01``, sorted."""
    versions: tuple[str, ...] = ()
    """Registered versions that were, such as ``scope-v3``, sorted: to be retired."""
    unsure: tuple[str, ...] = ()
    """Adapters and versions likewise, trained from a dataset of whose rows nothing is kept."""

    @property
    def name(self) -> str:
        """Of its file: other content has another name."""
        words = "".join(c if c.isalnum() else "-" for c in self.target.lower())
        return f"{self.by}-{words[:40]}-{self.digest()[:12]}"
