"""Copies of adapters that a server's owner keeps while it runs, one for each name, for good.

A server reads an adapter's files again when it has pushed it out of its memory, and hands out what
it remembers of a prompt by the adapter's name. So both are immutable: a name has one content, and
the server reads a copy that nobody replaces.
"""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from cra_pipeline.errors import GuardError, ModelError
from cra_pipeline.integrations.adapter_files import (
    CONFIG,
    MANIFEST,
    WEIGHTS,
    adapter_digest,
    vet_alone,
)

Vet = Callable[[Path], None]
"""Looks at an adapter's folder before the server does; raises what it has against it."""

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")
_READABLE = 0o444  # the folder stays open: whoever sweeps up has to empty it


@dataclass(slots=True, kw_only=True)
class Snapshots:
    """What one server was ever given.

    Attributes:
        folder: Of the copies; its owner removes it.
        base: Folder of the base's files, whose shapes the tensors have to fit.
        base_name: Under which the base answers; no adapter's name.
        vet: What is asked beyond soundness, such as that it is a registered version; it sees the
            copy, so that nothing can change after it looked.
    """

    folder: Path
    base: Path
    base_name: str
    vet: Vet | None
    _digests: dict[str, str] = field(default_factory=dict)

    def keep(self, version: str, folder: Path) -> Path:
        """The copy under this name, made and vetted where it is the first.

        Raises:
            ModelError: The name is no name, or another content's.
            GuardError: The files are not sound.
            PipelineError: Whatever ``vet`` has against them.
        """
        if not _NAME.fullmatch(version) or version == self.base_name:
            raise ModelError(f"{version!r}: no name for an adapter here: expected a version's name")
        digest, _ = adapter_digest(folder)
        if self._digests.get(version, digest) != digest:
            raise ModelError(
                f"{version}: {folder} holds {digest[:12]}, this server was given "
                f"{self._digests[version][:12]} under that name: a name is never given anew; give "
                "the other adapter a version of its own"
            )
        if version not in self._digests:
            self._copy(version, folder, digest)
            self._digests[version] = digest
        return self.folder / version

    def _copy(self, version: str, folder: Path, digest: str) -> None:
        copy = self.folder / version
        # Of a load that was refused.
        shutil.rmtree(copy, ignore_errors=True)
        copy.mkdir(parents=True)
        for name in (CONFIG, WEIGHTS, MANIFEST):
            if (folder / name).exists():
                shutil.copyfile(folder / name, copy / name)
                (copy / name).chmod(_READABLE)
        if adapter_digest(copy)[0] != digest:
            raise GuardError(f"{folder}: it changed while it was read: load it again")
        vet_alone(copy, self.base)
        if self.vet is not None:
            self.vet(copy)
