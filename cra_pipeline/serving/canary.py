"""Who answers a call: the version in service, or a canary for a share of the calls. Pure."""

from __future__ import annotations

import hashlib

from cra_pipeline.contracts.calls import ModelRequest
from cra_pipeline.contracts.serving import Route, Routes

_WHOLE = 2**64


def chosen(routes: Routes, request: ModelRequest) -> Route:
    """The route of a request; the same request always goes the same way.

    Raises:
        ValueError: Nobody answers calls of its kind; the message says why.
    """
    kind = request.call_kind
    canary = routes.canaries.get(kind)
    if canary is not None and draw(request) < canary[1]:
        return canary[0]
    route = routes.by_kind.get(kind)
    if route is None:
        raise ValueError(routes.refused.get(kind, f"{kind}: nobody serves calls of this kind"))
    return route


def draw(request: ModelRequest) -> float:
    """A number in [0, 1) that only the request's own words and settings decide."""
    told = (request.call_kind, request.system, request.prompt, str(request.seed))
    # Parted by a byte that no text holds twice alike: lengths stand before each.
    text = "".join(f"{len(part)}:{part}" for part in told)
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big") / _WHOLE
