"""Bare clones of public repositories for the tests that need them.

They lie in one folder, as ``<name>.git`` or as ``<owner>+<name>/repo``.
"""

from __future__ import annotations

import os
from pathlib import Path

CLONES = "CRA_PIPELINE_CLONES"


def real_clones() -> dict[str, Path]:
    """Clones by lower-case name, sorted; at least one.

    Raises:
        FileNotFoundError: None is there; the message says what to set.
    """
    folder = os.environ.get(CLONES, "")
    root = Path(folder)
    found = {path.stem.lower(): path for path in sorted(root.glob("*.git")) if folder}
    for path in sorted(root.glob("*+*/repo")) if folder else ():
        found[path.parent.name.partition("+")[2].lower()] = path
    if not found:
        raise FileNotFoundError(
            f"{CLONES} is {folder!r}: set it to a folder with bare clones of public repositories "
            "(<name>.git or <owner>+<name>/repo), or leave these tests out: pytest -m 'not real'"
        )
    return dict(sorted(found.items()))


def real_clone(name: str) -> Path:
    """Clone of one repository.

    Raises:
        FileNotFoundError: It is not there; the message says what to set or to clone.
    """
    found = real_clones()
    if name not in found:
        raise FileNotFoundError(
            f"{CLONES} is {os.environ[CLONES]!r}, which holds no {name}.git: clone it there with "
            f"git clone --bare, there are {', '.join(found)}"
        )
    return found[name]
