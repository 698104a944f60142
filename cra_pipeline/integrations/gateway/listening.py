"""Sockets to listen on: loopback and unix, each held by one gateway only."""

from __future__ import annotations

import errno
import ipaddress
import os
import socket
import stat
from pathlib import Path

from cra_pipeline.errors import BusyError

_BACKLOG = 128
_LONGEST_PATH = 107  # sun_path holds 108 bytes, the last of them zero

ANYBODY, OWNER = 0o666, 0o600
"""Modes of a socket file: whoever sees it may connect; its owner alone may."""


def listen_unix(path: Path, mode: int) -> socket.socket:
    """Listen on a socket file; one that a killed process left is replaced.

    Args:
        path: At most 107 bytes; its folder exists.
        mode: Of the file.

    Raises:
        BusyError: Somebody listens there, or the path is taken by something else.
        ValueError: The path is too long for a socket.
    """
    if len(os.fsencode(path)) > _LONGEST_PATH:
        raise ValueError(
            f"{path}: {len(os.fsencode(path))} bytes; a socket's path holds {_LONGEST_PATH}: "
            "choose a folder with a shorter path"
        )
    listening = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        _bind_unix(listening, path)
        # Nobody can connect before `listen`, so the mode is in time.
        path.chmod(mode)
        listening.listen(_BACKLOG)
    except BaseException:
        listening.close()
        raise
    return listening


def _bind_unix(listening: socket.socket, path: Path) -> None:
    try:
        listening.bind(str(path))
    except OSError as error:
        if error.errno != errno.EADDRINUSE:
            raise BusyError(f"{path}: no socket can be made there ({error.strerror})") from error
        if not stat.S_ISSOCK(path.lstat().st_mode) or _somebody_listens(path):
            raise BusyError(
                f"{path}: taken, by another gateway or a file: end that one or name another path"
            ) from error
        path.unlink()
        listening.bind(str(path))


def _somebody_listens(path: Path) -> bool:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as caller:
        try:
            caller.connect(str(path))
        except ConnectionRefusedError:
            return False
        except OSError:
            return True  # Full, or closed to us: somebody's in any case.
    return True


def listen_loopback(port: int, host: str = "127.0.0.1") -> socket.socket:
    """Listen on loopback.

    Args:
        port: 0 for any that is free.
        host: A loopback address.

    Raises:
        BusyError: The port is taken.
        ValueError: The address is not a loopback address.
    """
    if not is_loopback(host):
        raise ValueError(f"{host}: not a loopback address; expected 127.0.0.1 or ::1")
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listening = socket.socket(family, socket.SOCK_STREAM)
    try:
        # A port in its waiting time may be had again; one that is listened on may not.
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind((host, port))
        listening.listen(_BACKLOG)
    except OSError as error:
        listening.close()
        raise BusyError(
            f"{host}:{port}: cannot listen there ({error.strerror}): end the other gateway, or "
            "choose another port"
        ) from error
    return listening


def is_loopback(host: str) -> bool:
    """Whether a numeric address stays on this machine; names are not looked up."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
