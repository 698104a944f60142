"""Stand-alone script inside the sandbox: runs the agent, relays its calls, packs what is left.

It is run by the agent's own base interpreter with nothing of this project beside it, so it needs
only the standard library. What it sends is no verdict: the change is judged elsewhere, and the
calls are logged by the gateway.
"""

from __future__ import annotations

import contextlib
import io
import json
import os
import shutil
import signal
import socket
import sqlite3
import subprocess
import sys
import tarfile
import threading
from pathlib import Path
from typing import Any

ROOT = Path("/repo")
STATE = ROOT / ".clean_room"
_GATEWAY = "/gateway/socket"
_HIGH_DESCRIPTOR = 700
_CHUNK = 1 << 16
_TAIL = 1 << 15
_MOST_BYTES = 8 << 20
"""Of one changed file; more than that is no source."""


def take_channel() -> int:
    """The result pipe, out of reach of everything that is started from here."""
    import fcntl

    given = int(os.environ.pop("CRA_CHANNEL_FD"))
    private = fcntl.fcntl(given, fcntl.F_DUPFD_CLOEXEC, _HIGH_DESCRIPTOR)
    os.close(given)
    return private


def relay(port: int) -> None:
    """Hand every connection to the port on to the gateway's socket, from now on."""
    server = socket.create_server(("127.0.0.1", port))

    def accept() -> None:
        while True:
            client, _ = server.accept()
            client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            gateway = socket.socket(socket.AF_UNIX)
            try:
                gateway.connect(_GATEWAY)
            except OSError:
                client.close()
                continue
            for source, target in ((client, gateway), (gateway, client)):
                threading.Thread(target=pump, args=(source, target), daemon=True).start()

    threading.Thread(target=accept, daemon=True).start()


def pump(source: socket.socket, target: socket.socket) -> None:
    """Move bytes one way until either side ends."""
    try:
        while data := source.recv(_CHUNK):
            target.sendall(data)
        target.shutdown(socket.SHUT_WR)
    except OSError:
        source.close()
        target.close()


def run_agent(orders: dict[str, Any]) -> dict[str, Any]:
    """Run the agent's command; past its time it is asked to end, then made to."""
    with Path("/tmp/agent-output").open("w+b") as output:  # noqa: S108  # a path inside
        agent = subprocess.Popen(
            orders["command"],
            cwd=ROOT,
            env=dict(os.environ) | orders["env"],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        how = "exited"
        try:
            agent.wait(orders["timeout_s"])
        except subprocess.TimeoutExpired:
            how = "interrupted"
            os.killpg(agent.pid, signal.SIGINT)
            try:
                agent.wait(orders["grace_s"])
            except subprocess.TimeoutExpired:
                how = "killed"
        # Its tests may have left others behind.
        with contextlib.suppress(ProcessLookupError):
            os.killpg(agent.pid, signal.SIGKILL)
        code = agent.wait()
        end = output.seek(0, os.SEEK_END)
        output.seek(max(0, end - _TAIL))
        tail = output.read().decode(errors="replace")
    return {"ending": how, "exit_code": code, "output": tail}


def git(*arguments: str) -> bytes:
    """What git prints; empty where it fails, as after a crash in mid-commit."""
    done = subprocess.run(["git", *arguments], cwd=ROOT, capture_output=True, check=False)
    return done.stdout if done.returncode == 0 else b""


def changed_files(base: str) -> dict[str, bytes | None]:
    """Content by path of what the branch changed since ``base``; None where it is gone."""
    names = git("diff", "--name-only", "--no-renames", "-z", base, "refs/heads/main")
    found: dict[str, bytes | None] = {}
    for name in filter(None, names.decode(errors="surrogateescape").split("\0")):
        entry = git("ls-tree", "-z", "refs/heads/main", "--", name)
        content = git("cat-file", "blob", entry.split()[2].decode()) if entry else None
        found[name] = content if content is None else content[:_MOST_BYTES]
    return found


def settle(database: Path) -> None:
    """Fold a write-ahead log that a killed agent left into its database."""
    connection = sqlite3.connect(database, timeout=5)
    connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    connection.close()


def pack(result: dict[str, Any], kept: list[str], base: str) -> bytes:
    """Everything that goes out, as one tar."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:

        def add(name: str, content: bytes) -> None:
            entry = tarfile.TarInfo(name)
            entry.size = len(content)
            archive.addfile(entry, io.BytesIO(content))

        files = changed_files(base) if base else {}
        names = sorted(files)
        result["changed"] = [name for name in names if files[name] is not None]
        result["deleted"] = [name for name in names if files[name] is None]
        for number, name in enumerate(result["changed"]):
            add(f"changed/{number}", files[name] or b"")
        result["databases"] = []
        for name in kept:
            place = STATE / name
            if not place.is_file():
                continue
            try:
                settle(place)
                add(name, place.read_bytes())
                result["databases"].append(name)
            except (OSError, sqlite3.Error) as error:
                result["output"] += f"\n{name}: {error}"
        add("result.json", json.dumps(result).encode())
    return buffer.getvalue()


def main() -> None:
    """Follow the orders and send what is left."""
    channel = take_channel()
    orders = json.loads(Path("/cra/orders.json").read_bytes())
    for name in orders["copied"]:
        STATE.mkdir(exist_ok=True)
        shutil.copyfile(f"/state/{name}", STATE / name)
    if orders["port"]:
        relay(orders["port"])
    result = run_agent(orders)
    data = pack(result, orders["kept"], orders["base"])
    while data:
        data = data[os.write(channel, data) :]
    os.close(channel)
    # The relay's threads have nobody left to serve.
    sys.stdout.flush()
    os._exit(0)


if __name__ == "__main__":
    main()
