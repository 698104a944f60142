"""Small wheels for tests, the same bytes each time."""

from __future__ import annotations

import base64
import hashlib
import json
import resource
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from cra_pipeline.contracts.packages import WheelPin
from cra_pipeline.integrations.index import TIMES
from cra_pipeline.integrations.wheels import file_sha256

WHEELHOUSE = Path(__file__).resolve().parents[1] / ".venv" / "wheelhouse"
"""Filled by ``make setup`` with pytest and what it needs."""

_EPOCH = (1980, 1, 1, 0, 0, 0)


def build_wheel(  # noqa: PLR0913  # one argument per fact of a wheel
    folder: Path,
    name: str,
    version: str,
    files: Mapping[str, str],
    *,
    requires: tuple[str, ...] = (),
    entry_points: str = "",
) -> Path:
    """Write ``<name>-<version>-py3-none-any.whl`` with the given files."""
    info = f"{name}-{version}.dist-info"
    needs = "".join(f"Requires-Dist: {line}\n" for line in requires)
    texts = {
        **files,
        f"{info}/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n{needs}",
        f"{info}/WHEEL": "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    if entry_points:
        texts[f"{info}/entry_points.txt"] = entry_points
    lines = [_record(path, text) for path, text in sorted(texts.items())]
    texts[f"{info}/RECORD"] = "\n".join([*lines, f"{info}/RECORD,,"]) + "\n"
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{name}-{version}-py3-none-any.whl"
    with zipfile.ZipFile(path, "w") as archive:
        for member, text in sorted(texts.items()):
            archive.writestr(zipfile.ZipInfo(member, _EPOCH), text)
    return path


def _record(path: str, text: str) -> str:
    digest = base64.urlsafe_b64encode(hashlib.sha256(text.encode()).digest()).decode().rstrip("=")
    return f"{path},sha256={digest},{len(text.encode())}"


def date_wheels(folder: Path, days: Mapping[str, str]) -> None:
    """Say when some wheels of a folder were uploaded, by file name."""
    times = {name: f"{day}T00:00:00Z" for name, day in days.items()}
    (folder / TIMES).write_text(json.dumps(times))


def pin_for(path: Path, sha256: str = "") -> WheelPin:
    """Pin of a wheel file, with its own hash unless another is given."""
    name, version = path.name.split("-")[:2]
    return WheelPin(
        name=name, version=version, filename=path.name, sha256=sha256 or file_sha256(path)
    )


@contextmanager
def small_disk(most: int) -> Iterator[None]:
    """No file may grow beyond some bytes for the time of the block."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (most, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
