"""The store takes only what is a wheel and has the promised hash."""

from __future__ import annotations

import stat
import threading
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from cra_pipeline.contracts.packages import WheelPin
from cra_pipeline.contracts.workspace import Layout
from cra_pipeline.errors import EnvironmentBuildError, PackageError, StoreError
from cra_pipeline.integrations.uv import ResolvedWheel
from cra_pipeline.integrations.wheels import (
    SITE,
    adopt_wheel,
    fetch_wheel,
    file_sha256,
    place,
    stored,
    unpacked,
    verify_wheel,
)
from cra_pipeline_tests.wheels import build_wheel, pin_for, small_disk


@pytest.mark.parametrize(
    ("member", "words"),
    [
        ("../up.py", "outside the wheel"),
        ("/abs.py", "outside the wheel"),
        ("a/../../up.py", "outside the wheel"),
        ("a\\..\\b.py", "outside the wheel"),
        ("b-2.dist-info/METADATA", None),
    ],
)
def test_a_wheel_with_a_member_outside_is_refused(
    tmp_path: Path, member: str, words: str | None
) -> None:
    path = build_wheel(tmp_path, "a", "1", {"a.py": "", member: ""})

    if words is None:
        verify_wheel(path)
    else:
        with pytest.raises(PackageError, match=words):
            verify_wheel(path)


def test_a_file_that_is_no_wheel_is_refused(tmp_path: Path) -> None:
    text = tmp_path / "a-1-py3-none-any.whl"
    text.write_text("no zip")
    plain = tmp_path / "b-1-py3-none-any.whl"
    with zipfile.ZipFile(plain, "w") as archive:
        archive.writestr("b.py", "")
    misnamed = build_wheel(tmp_path, "c", "1", {}).rename(tmp_path / "d-1-py3-none-any.whl")
    odd = build_wheel(tmp_path, "e", "1", {}).rename(tmp_path / "e.whl")

    for path in (text, plain, misnamed, odd):
        with pytest.raises(PackageError, match="no wheel"):
            verify_wheel(path)


def test_another_hash_never_enters_the_store(tmp_path: Path) -> None:
    layout = Layout(tmp_path / "home")
    path = build_wheel(tmp_path, "a", "1", {"a.py": ""})

    with pytest.raises(PackageError, match="expected 0000"):
        adopt_wheel(layout, path, pin_for(path, "0" * 64))

    assert not layout.wheels.exists()


def test_a_full_disk_leaves_nothing_half_written(tmp_path: Path) -> None:
    layout = Layout(tmp_path / "home")
    path = build_wheel(tmp_path, "a", "1", {"a.py": "x = 1\n" * 2000})

    with small_disk(500), pytest.raises(StoreError, match="free disk space"):
        adopt_wheel(layout, path, pin_for(path))

    assert [file for file in layout.wheels.rglob("*") if file.is_file()] == []
    assert adopt_wheel(layout, path, pin_for(path)).exists()


def test_an_unpacked_wheel_is_compiled_scripted_and_read_only(tmp_path: Path) -> None:
    layout = Layout(tmp_path / "home")
    path = build_wheel(
        tmp_path,
        "a",
        "1",
        {
            "a/__init__.py": "def main(): pass\n",
            "a/old.py": "print 'two'\n",
            "a-1.data/scripts/run-a": "#!python\nprint()\n",
            "a-1.data/purelib/extra.py": "",
        },
        entry_points="[console_scripts]\na-tool = a:main\n../evil = a:main\n",
    )
    pin = pin_for(path)
    adopt_wheel(layout, path, pin)

    tree = unpacked(layout, pin)

    assert (tree / SITE / "extra.py").exists()
    assert list((tree / SITE / "a" / "__pycache__").glob("__init__*.pyc"))
    assert (tree / "bin" / "run-a").read_text().startswith("#!/env/bin/python\n")
    assert "from a import main" in (tree / "bin" / "a-tool").read_text()
    assert {path.name for path in (tree / "bin").iterdir()} == {"run-a", "a-tool"}
    modes = {stat.S_IMODE(file.stat().st_mode) for file in tree.rglob("*") if file.is_file()}
    assert modes == {0o444, 0o555}


def test_nothing_of_a_wheel_is_imported_when_it_is_unpacked(tmp_path: Path) -> None:
    layout = Layout(tmp_path / "home")
    trace = tmp_path / "trace"
    text = f"open({str(trace)!r}, 'w')\n"
    path = build_wheel(tmp_path, "a", "1", {"a.py": text, "a.pth": f"import os; {text}"})
    adopt_wheel(layout, path, pin_for(path))

    unpacked(layout, pin_for(path))

    assert not trace.exists()


def test_a_missing_wheel_says_how_to_get_it(tmp_path: Path) -> None:
    pin = WheelPin(name="a", version="1", filename="a-1-py3-none-any.whl", sha256="0" * 64)

    with pytest.raises(PackageError, match="run the stage repo_packages again"):
        unpacked(Layout(tmp_path), pin)


@pytest.mark.parametrize(
    ("member", "where"),
    [
        ("a/b.py", f"{SITE}/a/b.py"),
        ("a-1.data/scripts/x", "bin/x"),
        ("a-1.data/data/share/x", "./share/x"),
        ("a-1.data/headers/x.h", "include/x.h"),
    ],
)
def test_data_folders_are_spread_as_installers_do(member: str, where: str) -> None:
    assert place(member) == where


class Flaky(BaseHTTPRequestHandler):
    """Fails twice, then serves the content."""

    content = b""
    refusals = 2

    def do_GET(self) -> None:
        if type(self).refusals:
            type(self).refusals -= 1
            self.send_error(503)
            return
        self.send_response(200)
        self.send_header("Content-Length", str(len(self.content)))
        self.end_headers()
        self.wfile.write(self.content)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002  # its name there
        """Keep quiet."""


@contextmanager
def served(content: bytes, refusals: int) -> Iterator[str]:
    handler = type("Handler", (Flaky,), {"content": content, "refusals": refusals})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.05,))
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}/"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def resolved(path: Path, url: str) -> ResolvedWheel:
    return ResolvedWheel(
        name="a", version="1", filename=path.name, url=url, sha256=file_sha256(path), size=0
    )


@pytest.mark.slow
def test_a_download_is_tried_again_and_then_kept(tmp_path: Path) -> None:
    layout = Layout(tmp_path / "home")
    path = build_wheel(tmp_path, "a", "1", {"a.py": ""})

    with served(path.read_bytes(), 2) as address:
        pin = fetch_wheel(layout, resolved(path, address + path.name))

    assert stored(layout, pin).read_bytes() == path.read_bytes()
    assert fetch_wheel(layout, resolved(path, "https://unreachable.invalid/x")) == pin


def test_an_address_of_another_kind_is_refused(tmp_path: Path) -> None:
    path = build_wheel(tmp_path, "a", "1", {"a.py": ""})

    with pytest.raises(EnvironmentBuildError, match="expected an https address"):
        fetch_wheel(Layout(tmp_path / "home"), resolved(path, "ftp://x.example/a.whl"))
