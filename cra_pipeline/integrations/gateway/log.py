"""The request log: one line per call, in the file before the agent hears the answer."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from pydantic_core import to_json

from cra_pipeline.contracts.calls import CallRecord
from cra_pipeline.errors import StoreError


class CallLog:
    """Appends ``CallRecord`` lines, each by one write, so that a kill tears the last one at most.

    Lines are in the kernel's hands when ``append`` returns: they outlive this process. They are
    not forced to disk, because a power cut ends the attempt in any case.
    """

    def __init__(self, path: Path, *, resume: bool = False) -> None:
        """Open or create the log.

        Args:
            path: Its folder is created where it is missing.
            resume: Go on with an earlier log; a torn last line is cut off first. Otherwise a log
                that holds anything is refused, because an attempt is logged from its first call.

        Raises:
            StoreError: The file cannot be written, or holds something and ``resume`` is not set.
        """
        self.path = path
        self.lines = _resumed(path) if resume else 0
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._file = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o644)
            self.written = held = os.fstat(self._file).st_size
        except OSError as error:
            raise _unwritable(path, error) from error
        if held and not resume:
            os.close(self._file)
            raise StoreError(
                f"{path}: holds the calls of an earlier attempt; expected no such file: remove it "
                "or name another"
            )

    def append(self, record: CallRecord) -> None:
        """Add one line.

        Raises:
            StoreError: The disk is full or the file is gone; the line is not there then.
        """
        line = to_json(record)
        try:
            # One write, as a list of parts: joining them would copy every prompt once more.
            written = os.writev(self._file, (line, b"\n"))
            if written <= len(line):
                os.ftruncate(self._file, os.fstat(self._file).st_size - written)
                raise OSError(0, "disk full in the middle of a line")  # noqa: TRY301  # one exit
        except OSError as error:
            raise _unwritable(self.path, error) from error
        self.lines += 1
        self.written += written

    def close(self) -> None:
        """Close the file; no line may follow."""
        os.close(self._file)


@dataclass(frozen=True, slots=True, kw_only=True)
class LoggedCalls:
    """What a log holds.

    Attributes:
        records: Whole lines, in order.
        torn: Bytes of a last line that was cut off by a kill; 0 as a rule. Nobody has heard the
            answer that it began to tell.
    """

    records: tuple[CallRecord, ...]
    torn: int


def read_calls(path: Path) -> LoggedCalls:
    """Read a log, also one that is being written.

    Raises:
        StoreError: The file is missing, or a line before the torn one does not fit.
    """
    try:
        content = path.read_bytes()
    except OSError as error:
        raise StoreError(
            f"{path}: no request log ({error.strerror}): run the attempt again"
        ) from error
    *lines, last = content.split(b"\n")
    try:
        records = tuple(
            CallRecord.parse_json(line, where=f"{path}:{number}")
            for number, line in enumerate(lines, 1)
        )
    except ValueError as error:
        raise StoreError(f"{error}; the log is damaged: run the attempt again") from error
    return LoggedCalls(records=records, torn=len(last))


def _resumed(path: Path) -> int:
    """Lines of an earlier log, whose torn end is cut off."""
    try:
        content = path.read_bytes() if path.exists() else b""
        whole = content.rfind(b"\n") + 1
        if whole < len(content):
            os.truncate(path, whole)
    except OSError as error:
        raise _unwritable(path, error) from error
    return content.count(b"\n")


def _unwritable(path: Path, error: OSError) -> StoreError:
    return StoreError(
        f"{path}: the request log could not be written ({error.strerror}): free disk space or "
        "mend the folder's rights, then run the attempt again"
    )
