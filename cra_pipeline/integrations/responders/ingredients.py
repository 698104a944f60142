"""What responders are built from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from cra_pipeline.integrations.ranking.shelves import Shelves
from cra_pipeline.integrations.responders.endpoint import Endpoint
from cra_pipeline.integrations.responders.oracles import Oracles

if TYPE_CHECKING:
    from cra_pipeline.integrations.responders.served import Service


@dataclass(frozen=True, slots=True, kw_only=True)
class Ingredients:
    """Everything that some responder needs; each takes its own.

    Attributes:
        oracles: Shared with the gateway; for ``gold``.
        endpoint: A model server; for ``openai`` and ``ranked``.
        recordings: Folder with ``calls.jsonl`` files at any depth; for ``recorded``.
        by_kind: Responder's name by call kind; for ``mixture``.
        otherwise: Responder's name for the rest; for ``mixture`` and ``ranked``.
        shelves: Repositories whose files are ranked; for ``ranked``.
        rank_with_model: Whether ``ranked`` asks the server as well how sure it is.
        service: Routes and servers; for ``served``.
    """

    oracles: Oracles = field(default_factory=Oracles)
    endpoint: Endpoint | None = None
    recordings: Path | None = None
    by_kind: Mapping[str, str] = field(default_factory=dict)
    otherwise: str = ""
    shelves: Shelves | None = None
    rank_with_model: bool = False
    service: Service | None = None
