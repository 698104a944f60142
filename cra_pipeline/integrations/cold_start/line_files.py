"""JSONL files that appear whole or not at all, written row by row."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, TypeVar

from cra_pipeline.contracts.record import Record
from cra_pipeline.errors import StoreError

R = TypeVar("R", bound=Record)


class LineFile:
    """A file that is being written; made by ``line_file``."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._digest = hashlib.sha256()
        self.rows = 0

    def add(self, record: Record) -> None:
        """Append one row."""
        line = record.canonical_json().encode() + b"\n"
        self._file.write(line)
        self._digest.update(line)
        self.rows += 1

    @property
    def content_id(self) -> str:
        """SHA-256 of the bytes so far."""
        return self._digest.hexdigest()


@contextmanager
def line_file(path: Path) -> Iterator[LineFile]:
    """A file to add rows to, in its place once the block ends well; else nothing is left of it.

    Raises:
        StoreError: The disk is full or the folder cannot be written.
    """
    half = path.with_name(f".{path.name}.tmp")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with half.open("wb") as file:
            yield LineFile(file)
            file.flush()
            os.fsync(file.fileno())
        half.replace(path)
    except OSError as error:
        raise StoreError(f"{path}: could not be written ({error.strerror}): free space") from error
    finally:
        half.unlink(missing_ok=True)


def read_lines(path: Path, record: type[R]) -> Iterator[R]:
    """Rows of such a file, in order.

    Raises:
        StoreError: It is missing or a line does not fit; the message names it.
    """
    try:
        with path.open("rb") as file:
            for number, line in enumerate(file, 1):
                yield record.parse_json(line, where=f"{path}:{number}")
    except FileNotFoundError as error:
        raise StoreError(f"{path}: missing; run the stage that writes it") from error
    except ValueError as error:
        raise StoreError(f"{error}; run the stage that writes it again") from error
