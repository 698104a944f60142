"""Names of the raw databases that a snapshot holds."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import PurePath

HOME = "home"
"""The workspace's own."""

_AGENT_FOLDER = ".clean_room"


def database_names(paths: Iterable[str]) -> dict[str, str]:
    """Path by name: that of the repository in which the agent worked, with a number if need be.

    Raises:
        ValueError: A path is given twice.

    >>> database_names(["/srv/shop/.clean_room/raw.sqlite", "/tmp/Shop/raw.sqlite"])
    {'shop': '/srv/shop/.clean_room/raw.sqlite', 'shop-2': '/tmp/Shop/raw.sqlite'}
    """
    found: dict[str, str] = {}
    for path in paths:
        if path in found.values():
            raise ValueError(f"{path}: given twice; expected every raw database once")
        name = _slug(PurePath(path))
        taken = {HOME, *found}
        number = 2
        unique = name
        while unique in taken:
            unique, number = f"{name}-{number}", number + 1
        found[unique] = path
    return found


def _slug(path: PurePath) -> str:
    folder = path.parent.parent if path.parent.name == _AGENT_FOLDER else path.parent
    return re.sub(r"[^a-z0-9._-]+", "-", folder.name.lower()).strip("-.") or "agent"
