"""``cold_start.toml``: which published files a workspace takes from."""

from __future__ import annotations

import hashlib
import json
import tomllib
from pathlib import Path

from cra_pipeline.contracts.cold_start import ColdStartPlan
from cra_pipeline.errors import SourceError
from cra_pipeline.integrations.cold_start.table import load_set

FILE = "cold_start.toml"
_EXAMPLE = '[[files]]\nset = "commitpackft"\npath = "data/python/data.jsonl"\ncount = 20000\n'
_CHUNK = 1 << 20


def read_plan(root: Path) -> ColdStartPlan:
    """The plan in a workspace; every set that it names has a reader.

    Raises:
        SourceError: The file is missing, no TOML, or names something unknown; the message says
            what to write.
    """
    path = root / FILE
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError as error:
        raise SourceError(
            f"{path}: missing: list the published files to take from, or leave it empty to take "
            f"none, such as\n{_EXAMPLE}"
        ) from error
    try:
        plan = ColdStartPlan.parse_json(json.dumps(tomllib.loads(text)), where=str(path))
        for entry in plan.files:
            load_set(entry.set)
    except (ValueError, TypeError) as error:
        raise SourceError(f"{path}: {error}") from error
    return plan


def file_digest(path: Path) -> str:
    """SHA-256 of a file's bytes."""
    total = hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK):
            total.update(chunk)
    return total.hexdigest()
