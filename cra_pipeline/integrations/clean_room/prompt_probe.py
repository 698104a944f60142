"""Run by the agent's own interpreter: reads its system prompts, version and digest.

Standard library only, and nothing of this project. Standard input: a JSON array of sources,
``module:attribute`` or ``module:attribute[key]``. Standard output: one JSON object with

- ``version``: of the installed distribution; null where it is not installed;
- ``digest``: SHA-256 over the package's files;
- ``prompts``: text by source, as far as found;
- ``missing``: reason by source for the others;
- ``others``: SHA-256 by source of further system prompts that the same modules hold.
"""

from __future__ import annotations

import contextlib
import hashlib
import importlib
import importlib.metadata
import importlib.util
import json
import re
import sys
from pathlib import Path

DISTRIBUTION = "clean-room-agent"
PACKAGE = "clean_room_agent"

_SOURCE = re.compile(r"([\w.]+):(\w+)(?:\[(\w+)\])?")


def look(sources: list[str]) -> dict[str, object]:
    """Everything that is wanted of the installed agent."""
    try:
        version = importlib.metadata.version(DISTRIBUTION)
        found = importlib.util.find_spec(PACKAGE)
    except importlib.metadata.PackageNotFoundError:
        return {"version": None}
    if found is None or not found.submodule_search_locations:
        return {"version": None}
    prompts: dict[str, str] = {}
    missing: dict[str, str] = {}
    for source in sources:
        try:
            prompts[source] = _text(source)
        except (ImportError, AttributeError, KeyError, TypeError) as error:
            missing[source] = f"{type(error).__name__}: {error}"
    return {
        "version": version,
        "digest": _digest(Path(found.submodule_search_locations[0])),
        "prompts": prompts,
        "missing": missing,
        "others": _others(sources, set(prompts.values())),
    }


def _text(source: str) -> str:
    match = _SOURCE.fullmatch(source)
    if match is None:
        raise KeyError(source)
    value = getattr(importlib.import_module(match[1]), match[2])
    if match[3] is not None:
        value = value[match[3]]
    if not isinstance(value, str):
        raise TypeError(f"holds {type(value).__name__}, expected str")
    return value


def _others(sources: list[str], known: set[str]) -> dict[str, str]:
    """System prompts beside those that were asked for: keys of the same tables, and constants."""
    found: dict[str, str] = {}
    for module in sorted({source.partition(":")[0] for source in sources}):
        for name, value in sorted(vars(sys.modules.get(module, object)).items()):
            if isinstance(value, str) and name.endswith("_SYSTEM"):
                found[f"{module}:{name}"] = value
            elif isinstance(value, dict) and f"{module}:{name}[" in "\n".join(sources):
                found |= {f"{module}:{name}[{key}]": text for key, text in value.items()}
    return {
        source: hashlib.sha256(text.encode()).hexdigest()
        for source, text in found.items()
        if isinstance(text, str) and text not in known
    }


def _digest(package: Path) -> str:
    total = hashlib.sha256()
    for path in sorted(package.rglob("*")):
        if path.is_file() and "__pycache__" not in path.parts:
            name = path.relative_to(package).as_posix()
            total.update(f"{name}\0{hashlib.sha256(path.read_bytes()).hexdigest()}\n".encode())
    return total.hexdigest()


def main() -> None:
    """Answer once; whatever the agent prints while it is imported goes to standard error."""
    with contextlib.redirect_stdout(sys.stderr):
        found = look(json.load(sys.stdin))
    json.dump(found, sys.stdout)


if __name__ == "__main__":
    main()
