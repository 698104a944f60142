"""Objects of a file in one of the three formats of publication, never held all at once."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from cra_pipeline.errors import SourceError

_CHUNK = 1 << 20
"""Characters of a JSON array that are read at once."""
_BATCH = 1024

Numbered = tuple[int, Mapping[str, object]]
"""Line or row number from 1, and the columns."""


def objects(path: Path, columns: Sequence[str], optional: Sequence[str] = ()) -> Iterator[Numbered]:
    """Rows of a file by its suffix: ``.jsonl``, ``.json`` (one array) or ``.parquet``.

    Args:
        path: The file.
        columns: Must be there in every row.
        optional: Are read where they are there.

    Raises:
        SourceError: As ``published_rows`` says.
    """
    readers = {".jsonl": _lines, ".json": _array}
    try:
        if path.suffix == ".parquet":
            rows = _parquet(path, columns, optional)
        elif path.suffix in readers:
            rows = _complete(path, readers[path.suffix](path), columns)
        else:
            raise SourceError(f"{path}: expected a .jsonl, .json or .parquet file")
        number = 0
        for number, values in rows:
            yield number, values
    except (OSError, UnicodeDecodeError) as error:
        raise SourceError(f"{path}: cannot be read ({error}): fetch the file again") from error
    if not number:
        raise SourceError(f"{path}: holds no rows: fetch the file again")


def _complete(path: Path, rows: Iterator[Numbered], columns: Sequence[str]) -> Iterator[Numbered]:
    for number, values in rows:
        if missing := [name for name in columns if name not in values]:
            raise SourceError(_other_columns(f"{path}:{number}", missing, sorted(values)))
        yield number, values


def _other_columns(where: str, missing: Sequence[str], found: Sequence[str]) -> str:
    return (
        f"{where}: no column {', '.join(missing)}; found {', '.join(found) or 'none'}: is it the "
        "file of another set, or of another version?"
    )


def _lines(path: Path) -> Iterator[Numbered]:
    with path.open(encoding="utf-8-sig", newline="\n") as file:
        for number, line in enumerate(file, 1):
            if line.strip():
                yield number, _object(line, f"{path}:{number}")


def _object(text: str, where: str) -> Mapping[str, object]:
    try:
        value = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise SourceError(
            f"{where}: no JSON ({error}): the file broke off or was cut: fetch it again"
        ) from error
    return _mapping(value, where)


def _mapping(value: object, where: str) -> Mapping[str, object]:
    if not isinstance(value, dict):
        raise SourceError(f"{where}: holds {type(value).__name__}, expected an object of columns")
    return value


def _array(path: Path) -> Iterator[Numbered]:
    decoder = json.JSONDecoder()
    with path.open(encoding="utf-8") as file:
        text = file.read(_CHUNK).lstrip("\ufeff \t\r\n")
        if text and not text.startswith("["):
            raise SourceError(f"{path}: expected a JSON array, found {text[:20]!r}")
        text, number = text[1:], 0
        while True:
            text = text.lstrip(" \t\r\n,")
            if text.startswith("]"):
                return
            try:
                value, end = decoder.raw_decode(text)
            except (ValueError, RecursionError) as error:
                more = file.read(max(_CHUNK, len(text)))
                if not more:
                    if not text and not number:
                        return
                    raise SourceError(
                        f"{path}: no JSON after row {number} ({error}): fetch the file again"
                    ) from error
                text += more
                continue
            number += 1
            yield number, _mapping(value, f"{path}:{number}")
            text = text[end:]


def _parquet(path: Path, columns: Sequence[str], optional: Sequence[str]) -> Iterator[Numbered]:
    try:
        with pq.ParquetFile(path) as file:
            found = file.schema_arrow.names
            if missing := [name for name in columns if name not in found]:
                raise SourceError(_other_columns(str(path), missing, found))
            read = [*columns, *(name for name in optional if name in found)]
            number = 0
            for batch in file.iter_batches(batch_size=_BATCH, columns=read):
                for values in batch.to_pylist():
                    number += 1
                    yield number, values
    except pa.ArrowException as error:
        raise SourceError(f"{path}: no whole Parquet file ({error}): fetch it again") from error
