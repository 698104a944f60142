"""The content-addressed store of wheels, ``wheels/<sha256>/<filename>``.

A wheel enters by download or from a folder, never without its hash. Beside it lies its unpacked
and compiled form, made once, from which environments are hard-linked. Wheels are opened and
compiled here, never imported.
"""

from __future__ import annotations

import configparser
import hashlib
import http.client
import os
import shutil
import subprocess
import sys
import tempfile
import urllib.error
import urllib.request
import zipfile
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

import stamina
from packaging.utils import InvalidWheelFilename, canonicalize_name, parse_wheel_filename

from cra_pipeline.contracts.packages import WheelPin
from cra_pipeline.contracts.workspace import Layout
from cra_pipeline.errors import EnvironmentBuildError, PackageError, StoreError
from cra_pipeline.integrations.leftovers import prefix_of
from cra_pipeline.integrations.uv import ResolvedWheel

TAG = f"cp{sys.version_info.major}{sys.version_info.minor}"
SITE = f"lib/python{sys.version_info.major}.{sys.version_info.minor}/site-packages"
"""Folder of importable code below an environment."""

MOST_UNPACKED = 4 << 30
"""Bytes that one wheel may grow to: more is an archive bomb."""

_FAULTS = (urllib.error.URLError, http.client.HTTPException, TimeoutError, ConnectionError)
_TIMEOUT_S = 60


def stored(layout: Layout, pin: WheelPin) -> Path:
    """Place of a wheel in the store, there or not."""
    return layout.wheels / pin.sha256 / pin.filename


def pin_of(wheel: ResolvedWheel) -> WheelPin:
    """What a lock keeps of a resolved wheel."""
    return WheelPin(
        name=wheel.name, version=wheel.version, filename=wheel.filename, sha256=wheel.sha256
    )


def fetch_wheel(layout: Layout, wheel: ResolvedWheel) -> WheelPin:
    """Have a wheel in the store, downloading it if it is not there yet.

    Raises:
        EnvironmentBuildError: The address cannot be reached, also when tried again.
        PackageError: The bytes are not those that the index promised, or no wheel.
    """
    pin = pin_of(wheel)
    if stored(layout, pin).exists():
        return pin
    content = _download(wheel.url)
    with _incoming(layout) as folder:
        path = Path(folder) / pin.filename
        path.write_bytes(content)
        adopt_wheel(layout, path, pin)
    return pin


def _incoming(layout: Layout) -> tempfile.TemporaryDirectory[str]:
    layout.scratch.mkdir(parents=True, exist_ok=True)
    return tempfile.TemporaryDirectory(dir=layout.scratch, prefix=prefix_of("wheel"))


def _download(url: str) -> bytes:
    try:
        return _download_once(url)
    except _FAULTS as error:
        raise EnvironmentBuildError(
            f"{url.rpartition('/')[2]}: could not be downloaded ({error}): check the network, then "
            "run the same command again; finished work is kept"
        ) from error


@stamina.retry(on=_FAULTS, attempts=4, wait_initial=0.5, timeout=240)
def _download_once(url: str) -> bytes:
    if not url.startswith(("https://", "http://127.0.0.1:", "file:///")):
        raise EnvironmentBuildError(f"{url}: expected an https address of a wheel")
    with urllib.request.urlopen(url, timeout=_TIMEOUT_S) as answer:  # noqa: S310  # checked above
        content: bytes = answer.read()
    return content


def file_sha256(path: Path) -> str:
    """SHA-256 (hex) of a file's bytes."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def adopt_wheel(layout: Layout, path: Path, pin: WheelPin) -> Path:
    """Take a wheel file into the store after checking hash and form.

    Raises:
        PackageError: Another hash than the pin's, or no wheel.
        StoreError: The disk is full.
    """
    target = stored(layout, pin)
    if target.exists():
        return target
    found = file_sha256(path)
    if found != pin.sha256:
        raise PackageError(
            f"{pin.filename}: hash is {found}, expected {pin.sha256}: the file is damaged or "
            "forged; fetch it again"
        )
    verify_wheel(path)
    target.parent.mkdir(parents=True, exist_ok=True)
    partial = target.with_name(f".{os.getpid()}-{pin.filename}.tmp")
    try:
        shutil.copyfile(path, partial)
        partial.chmod(0o444)
        partial.replace(target)
    except OSError as error:
        partial.unlink(missing_ok=True)
        raise StoreError(
            f"{target}: could not be written ({error.strerror}): free disk space, then run again"
        ) from error
    return target


def verify_wheel(path: Path) -> None:
    """Check that a file is a wheel: its name, a zip, one ``.dist-info`` with METADATA and RECORD.

    Raises:
        PackageError: It is not; the message says what is wrong.
    """
    try:
        name, version = parse_wheel_filename(path.name)[:2]
        with zipfile.ZipFile(path) as archive:
            entries = archive.infolist()
    except (InvalidWheelFilename, zipfile.BadZipFile, EOFError) as error:
        raise PackageError(f"{path.name}: no wheel ({error}); build or fetch it again") from error
    for entry in entries:
        _require_inside(path, entry.filename)
    if sum(entry.file_size for entry in entries) > MOST_UNPACKED:
        raise PackageError(f"{path.name}: unpacks to over {MOST_UNPACKED >> 30} GiB; refused")
    files = {entry.filename for entry in entries}
    infos = {file.partition("/")[0] for file in files if ".dist-info/" in file}
    found = [info for info in infos if {f"{info}/METADATA", f"{info}/RECORD"} <= files]
    if len(found) != 1 or canonicalize_name(found[0].partition("-")[0]) != name:
        raise PackageError(
            f"{path.name}: no wheel: expected one {name}-{version}.dist-info with METADATA and "
            f"RECORD, found {sorted(infos) or 'none'}"
        )


def _require_inside(path: Path, member: str) -> None:
    parts = PurePosixPath(member).parts
    if member.startswith("/") or ".." in parts or "\\" in member or "\0" in member:
        raise PackageError(f"{path.name}: member {member!r} points outside the wheel; refused")


def python_sources(path: Path) -> Iterator[tuple[str, bytes]]:
    """Name inside the wheel and bytes of every ``.py`` file, in archive order."""
    with zipfile.ZipFile(path) as archive:
        for entry in archive.infolist():
            if entry.filename.endswith(".py"):
                yield entry.filename, archive.read(entry)


def unpacked(layout: Layout, pin: WheelPin) -> Path:
    """Installed form of a stored wheel (``lib/…``, ``bin/…``), made on first use, then read-only.

    Raises:
        PackageError: The wheel is not in the store, or is no wheel.
    """
    target = layout.wheels / pin.sha256 / TAG
    if target.exists():
        return target
    wheel = stored(layout, pin)
    if not wheel.exists():
        raise PackageError(f"{wheel}: missing; run the stage repo_packages again to fetch it")
    verify_wheel(wheel)
    with _incoming(layout) as folder:
        tree = Path(folder) / "tree"
        _install(wheel, tree)
        _compile(tree)
        _freeze(tree)
        try:
            tree.rename(target)
        except OSError:
            # Another process was faster: its tree is the same one.
            if not target.exists():
                raise
    return target


def _install(wheel: Path, tree: Path) -> None:
    """Lay a wheel's files where an installer would put them."""
    (tree / SITE).mkdir(parents=True)
    (tree / "bin").mkdir()
    with zipfile.ZipFile(wheel) as archive:
        for entry in archive.infolist():
            if entry.is_dir():
                continue
            target = tree / place(entry.filename)
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(_with_shebang(target, archive.read(entry)))
    for name, script in _console_scripts(tree / SITE):
        (tree / "bin" / name).write_text(script)


def place(member: str) -> str:
    """Path below an environment of one member of a wheel (``.data`` folders are spread)."""
    first, _, rest = member.partition("/")
    if not first.endswith(".data"):
        return f"{SITE}/{member}"
    scheme, _, inner = rest.partition("/")
    homes = {"purelib": SITE, "platlib": SITE, "scripts": "bin", "headers": "include", "data": "."}
    return f"{homes.get(scheme, 'share')}/{inner}"


def _with_shebang(target: Path, content: bytes) -> bytes:
    if target.parent.name == "bin" and content.startswith(b"#!python"):
        return b"#!/env/bin/python" + content[content.index(b"\n") :]
    return content


def _console_scripts(site: Path) -> Iterator[tuple[str, str]]:
    for path in sorted(site.glob("*.dist-info/entry_points.txt")):
        parser = configparser.RawConfigParser(delimiters=("=",), strict=False)
        parser.optionxform = str  # type: ignore[assignment,method-assign]  # names keep their case
        try:
            parser.read_string(path.read_text(encoding="utf-8"))
        except (configparser.Error, UnicodeDecodeError):
            continue  # installers ignore what they cannot read; a test that needs it will say so
        for section in ("console_scripts", "gui_scripts"):
            if parser.has_section(section):
                for name, value in parser.items(section):
                    if "/" not in name and ":" in value:
                        yield name, console_script(value)


def console_script(value: str) -> str:
    """Text of a script that calls an entry point ``module:attribute``."""
    module, _, attribute = value.partition("[")[0].strip().partition(":")
    first = attribute.strip().partition(".")[0]
    return (
        "#!/env/bin/python\n"
        "import sys\n"
        f"from {module.strip()} import {first}\n"
        'if __name__ == "__main__":\n'
        f"    sys.exit({attribute.strip()}())\n"
    )


def _compile(tree: Path) -> None:
    """Byte-compile once; unchecked, because the environment is only ever seen read-only.

    A file that does not compile (a template, another Python's syntax) is left as it is.
    """
    subprocess.run(
        [
            sys.executable, "-I", "-m", "compileall", "-q", "-f",
            "--invalidation-mode", "unchecked-hash",
            "-s", str(tree), "-p", "/env", str(tree / SITE),
        ],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        check=False,
    )  # fmt: skip


def _freeze(tree: Path) -> None:
    """Files lose their write bits: they are shared by hard links."""
    for folder, _, files in os.walk(tree):
        for name in files:
            path = Path(folder) / name
            runs = folder == str(tree / "bin") or name.endswith(".so") or ".so." in name
            path.chmod(0o555 if runs else 0o444)
