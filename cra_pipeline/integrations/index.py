"""A package index on loopback over a folder of wheels, so that dated resolution works offline.

uv ignores ``--exclude-newer`` for a plain folder; it needs an index that states upload times
(PEP 691 JSON with the fields of PEP 700). Metadata is offered beside each wheel (PEP 658), so
that resolving downloads no wheel.
"""

from __future__ import annotations

import hashlib
import json
import threading
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import unquote

from packaging.utils import canonicalize_name, parse_wheel_filename

from cra_pipeline.errors import PackageError
from cra_pipeline.integrations.wheels import file_sha256, verify_wheel

TIMES = "upload-times.json"
"""Beside the wheels: an object from file name to ISO time; files that it leaves out are old."""

_ALWAYS = "1980-01-01T00:00:00Z"
_JSON = "application/vnd.pypi.simple.v1+json"


@dataclass(frozen=True, slots=True, kw_only=True)
class IndexAddress:
    """Where a running index is reached, and what it holds.

    Attributes:
        url: Simple index, such as ``http://127.0.0.1:41234/simple/``; the port changes.
        label: Digest of names, hashes and times: equal offers have equal labels.
    """

    url: str
    label: str


@dataclass(frozen=True, slots=True)
class _Offer:
    path: Path
    sha256: str
    upload_time: str
    metadata: bytes
    requires_python: str


@contextmanager
def serve_wheels(*folders: Path) -> Iterator[IndexAddress]:
    """Serve the wheels of some folders on 127.0.0.1 for the time of the block.

    Args:
        folders: Each with ``*.whl`` and optionally ``upload-times.json``; the first that holds a
            file name wins.

    Raises:
        PackageError: A file is no wheel, or the times cannot be read.
    """
    offers = _offers(folders)
    server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(offers))
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    try:
        yield IndexAddress(
            url=f"http://127.0.0.1:{server.server_address[1]}/simple/", label=_label(offers)
        )
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def _offers(folders: tuple[Path, ...]) -> dict[str, _Offer]:
    offers: dict[str, _Offer] = {}
    for folder in folders:
        times = _times(folder / TIMES)
        for path in sorted(folder.glob("*.whl")):
            if path.name not in offers:
                offers[path.name] = _offer(path, times.get(path.name, _ALWAYS))
    return offers


def _times(path: Path) -> dict[str, str]:
    if not path.exists():
        return {}
    try:
        return {str(name): str(time) for name, time in json.loads(path.read_text()).items()}
    except (ValueError, AttributeError) as error:
        raise PackageError(
            f"{path}: expected a JSON object of file name to time: {error}"
        ) from error


def _offer(path: Path, upload_time: str) -> _Offer:
    verify_wheel(path)
    with zipfile.ZipFile(path) as archive:
        name = next(item for item in archive.namelist() if item.endswith(".dist-info/METADATA"))
        metadata = archive.read(name)
    requires = [
        line.partition(":")[2].strip()
        for line in metadata.decode(errors="replace").split("\n\n")[0].splitlines()
        if line.lower().startswith("requires-python:")
    ]
    return _Offer(path, file_sha256(path), upload_time, metadata, "".join(requires[:1]))


def _label(offers: dict[str, _Offer]) -> str:
    listing = sorted((name, offer.sha256, offer.upload_time) for name, offer in offers.items())
    return hashlib.sha256(json.dumps(listing).encode()).hexdigest()[:16]


def _handler(offers: dict[str, _Offer]) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        """Answers GET for project pages, wheels and their metadata."""

        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            kind, content = _answer(offers, unquote(self.path))
            self.send_response(200 if kind else 404)
            self.send_header("Content-Type", kind or "text/plain")
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def do_HEAD(self) -> None:
            kind, content = _answer(offers, unquote(self.path))
            self.send_response(200 if kind else 404)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002  # its name there
            """Keep the terminal quiet."""

    return Handler


def _answer(offers: dict[str, _Offer], path: str) -> tuple[str, bytes]:
    """Media type and content; an empty type where there is nothing at that address."""
    folder, _, name = path.strip("/").partition("/")
    if folder == "simple" and name:
        return _project_page(offers, canonicalize_name(name))
    if folder != "files":
        return "", b""
    if name in offers:
        return "application/zip", offers[name].path.read_bytes()
    if name.removesuffix(".metadata") in offers:
        return "text/plain", offers[name.removesuffix(".metadata")].metadata
    return "", b""


def _project_page(offers: dict[str, _Offer], project: str) -> tuple[str, bytes]:
    files = [
        _file_entry(name, offer)
        for name, offer in sorted(offers.items())
        if parse_wheel_filename(name)[0] == project
    ]
    if not files:
        return "", b""
    versions = sorted({str(parse_wheel_filename(str(file["filename"]))[1]) for file in files})
    page = {
        "meta": {"api-version": "1.1"}, "name": project, "versions": versions, "files": files,
    }  # fmt: skip
    return _JSON, json.dumps(page).encode()


def _file_entry(name: str, offer: _Offer) -> dict[str, object]:
    entry: dict[str, object] = {
        "filename": name,
        "url": f"../../files/{name}",
        "hashes": {"sha256": offer.sha256},
        "size": offer.path.stat().st_size,
        "upload-time": offer.upload_time,
        "core-metadata": {"sha256": hashlib.sha256(offer.metadata).hexdigest()},
        "yanked": False,
    }
    if offer.requires_python:
        entry["requires-python"] = offer.requires_python
    return entry
