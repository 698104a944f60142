"""Tiny wheels written down as data, for dependencies that no public index has.

Pure: bytes are built, nothing is stored or served here.
"""

from __future__ import annotations

import base64
import hashlib
import io
import json
import re
import tomllib
import zipfile
from collections.abc import Iterable
from datetime import datetime
from pathlib import Path

from pydantic import field_validator

from cra_pipeline.contracts.packages import TextFile
from cra_pipeline.contracts.record import Record

_EPOCH = (1980, 1, 1, 0, 0, 0)
"""Earliest date that a zip archive can hold; a real one would change the bytes."""

_WHEEL = b"""\
Wheel-Version: 1.0
Generator: cra_pipeline
Root-Is-Purelib: true
Tag: py3-none-any
"""


class WheelSpec(Record):
    """One version of a pure-Python distribution."""

    name: str
    """Distribution name, normalised (lower case, hyphens)."""
    version: str
    uploaded: datetime
    """When an index received it; dated resolutions look at this."""
    summary: str
    requires_python: str
    """Such as ``>=3.8``."""
    modules: tuple[TextFile, ...]
    """Files of the wheel, without its ``.dist-info``."""

    @field_validator("name")
    @classmethod
    def _normalised(cls, value: str) -> str:
        if not re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", value):
            raise ValueError(f"{value!r} is no normalised name: use lower case and hyphens")
        return value

    @field_validator("uploaded")
    @classmethod
    def _with_offset(cls, value: datetime) -> datetime:
        if value.utcoffset() is None:
            raise ValueError(f"{value} has no offset from UTC: write 2020-01-31T09:00:00Z")
        return value

    @property
    def stem(self) -> str:
        """Name and version as file names carry them."""
        return f"{self.name.replace('-', '_')}-{self.version}"


def load_wheels(path: Path) -> tuple[WheelSpec, ...]:
    """Wheels of a file such as ``corpus/tiny/wheels.toml``, in its order.

    Raises:
        ValueError: The file is no TOML or of another shape; the message names file and entry.
    """
    try:
        table = tomllib.loads(path.read_text(encoding="utf-8"))
    except tomllib.TOMLDecodeError as error:
        raise ValueError(f"{path}: no TOML: {error}") from error
    if set(table) != {"wheels"}:
        raise ValueError(f"{path}: expected [[wheels]] and nothing else, found {sorted(table)}")
    return tuple(
        WheelSpec.parse_json(
            json.dumps(raw, default=lambda value: value.isoformat()),
            where=f"{path}: wheel {number} ({raw.get('name', 'no name')})",
        )
        for number, raw in enumerate(table["wheels"], 1)
    )


def build_wheel(spec: WheelSpec) -> tuple[str, bytes]:
    """File name and bytes of the wheel; equal specifications give equal bytes."""
    info = f"{spec.stem}.dist-info"
    files = [(module.path, module.text.encode()) for module in spec.modules]
    files += [
        (f"{info}/METADATA", _metadata(spec).encode()),
        (f"{info}/WHEEL", _WHEEL),
    ]
    files.append((f"{info}/RECORD", _record(files, f"{info}/RECORD")))
    return f"{spec.stem}-py3-none-any.whl", _zipped(files)


def _metadata(spec: WheelSpec) -> str:
    return (
        "Metadata-Version: 2.1\n"
        f"Name: {spec.name}\n"
        f"Version: {spec.version}\n"
        f"Summary: {spec.summary}\n"
        f"Requires-Python: {spec.requires_python}\n"
    )


def _record(files: Iterable[tuple[str, bytes]], own: str) -> bytes:
    lines = [f"{path},sha256={_digest(content)},{len(content)}\n" for path, content in files]
    return "".join([*lines, f"{own},,\n"]).encode()


def _digest(content: bytes) -> str:
    return base64.urlsafe_b64encode(hashlib.sha256(content).digest()).rstrip(b"=").decode()


def _zipped(files: Iterable[tuple[str, bytes]]) -> bytes:
    sink = io.BytesIO()
    # Stored, not deflated: compressed bytes differ between versions of zlib.
    with zipfile.ZipFile(sink, "w", zipfile.ZIP_STORED) as archive:
        for path, content in files:
            entry = zipfile.ZipInfo(path, date_time=_EPOCH)
            entry.create_system = 3
            entry.external_attr = 0o644 << 16
            archive.writestr(entry, content)
    return sink.getvalue()
