"""One gateway on a socket or port, and on loopback only."""

from __future__ import annotations

import socket
import stat
from pathlib import Path

import pytest

from cra_pipeline.errors import BusyError
from cra_pipeline.integrations.gateway.listening import (
    ANYBODY,
    OWNER,
    is_loopback,
    listen_loopback,
    listen_unix,
)


@pytest.mark.parametrize("mode", [OWNER, ANYBODY])
def test_a_socket_file_has_the_mode_that_is_wanted(mode: int, tmp_path: Path) -> None:
    with listen_unix(tmp_path / "s", mode):
        assert stat.S_IMODE((tmp_path / "s").stat().st_mode) == mode


def test_a_second_gateway_on_one_socket_is_refused_and_the_first_goes_on(tmp_path: Path) -> None:
    with listen_unix(tmp_path / "s", OWNER) as first:
        with pytest.raises(BusyError, match="another gateway"):
            listen_unix(tmp_path / "s", OWNER)
        with socket.socket(socket.AF_UNIX) as client:
            client.connect(str(tmp_path / "s"))
            first.accept()[0].close()


def test_a_socket_that_a_killed_gateway_left_is_replaced(tmp_path: Path) -> None:
    listen_unix(tmp_path / "s", OWNER).close()

    with listen_unix(tmp_path / "s", OWNER), socket.socket(socket.AF_UNIX) as client:
        client.connect(str(tmp_path / "s"))


def test_a_file_is_not_replaced(tmp_path: Path) -> None:
    (tmp_path / "s").write_text("precious")

    with pytest.raises(BusyError, match="or a file"):
        listen_unix(tmp_path / "s", OWNER)
    assert (tmp_path / "s").read_text() == "precious"


def test_a_folder_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(BusyError, match="no socket can be made there"):
        listen_unix(tmp_path / "none" / "s", OWNER)


def test_a_path_too_long_for_a_socket_is_told(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="shorter path"):
        listen_unix(tmp_path / ("s" * 108), OWNER)


def test_a_second_gateway_on_one_port_is_refused() -> None:
    with listen_loopback(0) as first, pytest.raises(BusyError, match="choose another port"):
        listen_loopback(first.getsockname()[1])


@pytest.mark.parametrize("host", ["0.0.0.0", "192.0.2.7", "::", "example.org", "", "localhost"])  # noqa: S104  # is refused
def test_no_address_but_loopback_is_listened_on(host: str) -> None:
    with pytest.raises(ValueError, match="not a loopback address"):
        listen_loopback(0, host)


@pytest.mark.parametrize(
    ("host", "stays"),
    [("127.0.0.1", True), ("127.9.9.9", True), ("::1", True), ("10.0.0.1", False), ("::2", False),
     ("0x7f.1", False)],
)  # fmt: skip
def test_loopback_is_told_by_the_number(host: str, stays: bool) -> None:  # noqa: FBT001  # a column of the table
    assert is_loopback(host) is stays
