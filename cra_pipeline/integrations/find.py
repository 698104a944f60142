"""Single rows and single columns of large tables, without reading the rest."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, TypeVar

import pyarrow as pa
import pyarrow.parquet as pq

from cra_pipeline.contracts.record import Record
from cra_pipeline.errors import StoreError

R = TypeVar("R", bound=Record)


def find_row(path: Path, record: type[R], column: str, value: str) -> R | None:
    """The first row with a value in a column; None where there is none, or no such file.

    Raises:
        StoreError: The table is damaged or of another schema.
    """
    if not path.exists():
        return None
    found = _read(path, filters=[(column, "=", value)]).slice(0, 1).to_pylist()
    if not found:
        return None
    try:
        return record.parse_json(json.dumps(found[0]), where=str(path))
    except ValueError as error:
        raise StoreError(f"{error}; run the stage that writes it again") from error


def columns(path: Path, *names: str) -> list[dict[str, Any]]:
    """Some columns of all rows; empty where there is no such file.

    Raises:
        StoreError: The table is damaged or lacks one.
    """
    if not path.exists():
        return []
    rows: list[dict[str, Any]] = _read(path, columns=list(names)).to_pylist()
    return rows


def _read(path: Path, **asked: Any) -> pa.Table:  # noqa: ANN401  # the library's own arguments
    try:
        return pq.read_table(path, partitioning=None, **asked)
    except pa.ArrowInvalid as error:
        reason = str(error).partition("\n")[0]
        raise StoreError(f"{path}: no table as expected ({reason}): run its stage again") from error
