"""The one named way out: a socket of ours, and nothing beside it."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from cra_pipeline.contracts.sandbox import Bind, SandboxRequest
from cra_pipeline.errors import SandboxError
from cra_pipeline.integrations.sandbox.arguments import require_sound

if TYPE_CHECKING:
    from cra_pipeline_tests.integrations.sandbox.conftest import Host

ASK = """
import os, socket
with socket.socket(socket.AF_UNIX) as client:
    client.connect('/gateway/socket')
    client.sendall(b'question')
    client.shutdown(socket.SHUT_WR)
    print(client.recv(100).decode(), os.listdir('/gateway'))
"""


@contextmanager
def listening(place: Path) -> Iterator[list[bytes]]:
    """A server on ``place`` that answers once; yields what it heard."""
    heard: list[bytes] = []

    def serve() -> None:
        connection, _ = server.accept()
        with connection:
            heard.append(connection.recv(100))
            connection.sendall(b"answer")

    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(place))
        place.chmod(0o666)
        server.listen()
        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield heard
        server.settimeout(0)


def test_the_inside_may_ask_a_named_socket_and_sees_no_other(host: Host) -> None:
    folder = host.tree.parent / "sockets"
    folder.mkdir(exist_ok=True)
    place = folder / "one"
    place.unlink(missing_ok=True)
    with listening(place) as heard:
        named = Bind(source=place, target="/gateway/socket")
        result = host.run(ASK, sockets=(named,))

    assert result.stdout == "answer ['socket']\n", result
    assert heard == [b"question"]


def _refused(named: Bind, tree: Path) -> str:
    request = SandboxRequest(argv=("/bin/true",), tree=tree, sockets=(named,))
    with pytest.raises(SandboxError) as refusal:
        require_sound(request)
    return str(refusal.value)


def test_a_file_is_no_socket(tmp_path: Path) -> None:
    place = tmp_path / "file"
    place.touch()

    assert "no socket" in _refused(Bind(source=place, target="/gateway/socket"), tmp_path)


def test_a_socket_must_not_lie_where_foreign_code_could_lead_it(tmp_path: Path) -> None:
    named = Bind(source=tmp_path, target="/repo/socket")

    assert "the sandbox's own" in _refused(named, tmp_path)
