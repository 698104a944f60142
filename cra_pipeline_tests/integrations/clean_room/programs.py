"""Environments with a stand-in for the agent: a package of its name that holds other prompts."""

from __future__ import annotations

import re
import venv
from pathlib import Path

from cra_pipeline.kinds import CALL_KINDS

SOURCE = re.compile(r"([\w.]+):(\w+)(?:\[(\w+)\])?")


def install_stand_in(folder: Path, *, version: str = "0.1.0", start: str = "") -> Path:
    """An environment in which an agent is installed, its prompts made up.

    Args:
        folder: Of the environment.
        version: That it claims.
        start: Code that the package runs when it is imported.

    Returns:
        Its interpreter.
    """
    venv.create(folder, symlinks=True)
    site = next((folder / "lib").glob("python*")) / "site-packages"
    described = site / f"clean_room_agent-{version}.dist-info"
    described.mkdir()
    (described / "METADATA").write_text(
        f"Metadata-Version: 2.1\nName: clean-room-agent\nVersion: {version}\n"
    )
    for module, lines in _modules().items():
        path = site.joinpath(*module.split(".")).with_suffix(".py")
        path.parent.mkdir(parents=True, exist_ok=True)
        for package in (path.parent, *path.parent.parents):
            if package == site:
                break
            (package / "__init__.py").touch()
        path.write_text("\n".join(lines) + "\n")
    (site / "clean_room_agent" / "__init__.py").write_text(start)
    return folder / "bin" / "python"


def package_of(python: Path) -> Path:
    """Folder of the stand-in's package."""
    return next((python.parent.parent / "lib").glob("python*/site-packages/clean_room_agent"))


def _modules() -> dict[str, list[str]]:
    lines: dict[str, list[str]] = {}
    for kind in CALL_KINDS.values():
        match = SOURCE.fullmatch(kind.source)
        assert match is not None
        module, name, key = match.groups()
        here = lines.setdefault(module, [])
        text = f"Stand-in for the prompt of {kind.name}."
        if key is None:
            here.append(f"{name} = {text!r}")
            continue
        if not here:
            here.append(f"{name} = {{'scaffold': 'Stand-in for C.'}}")
        here.append(f"{name}[{key!r}] = {text!r}")
    return lines
