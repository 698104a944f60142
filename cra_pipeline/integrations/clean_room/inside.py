"""Stand-alone script inside the sandbox: runs the agent, relays its calls, packs what is left.

It is run by the agent's own base interpreter with nothing of this project beside it, so it needs
only the standard library. What it sends is no verdict: the change is judged elsewhere, and the
calls are logged by the gateway.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import socket
import sqlite3
import subprocess
import sys
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
_MOST_DATABASE = 40 << 20
"""Of one database; all of them and the files must go through the channel."""
_OUTPUT = Path("/tmp/agent-output")  # noqa: S108  # a path inside
_INIT = "bwrap"


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
    with _OUTPUT.open("w+b") as output:
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
            with contextlib.suppress(ProcessLookupError):
                os.killpg(agent.pid, signal.SIGINT)
            try:
                agent.wait(orders["grace_s"])
            except subprocess.TimeoutExpired:
                how = "killed"
        with contextlib.suppress(ProcessLookupError):
            os.killpg(agent.pid, signal.SIGKILL)
        code = agent.wait()
        end_others()
        end = output.seek(0, os.SEEK_END)
        output.seek(max(0, end - _TAIL))
        tail = output.read().decode(errors="replace")
        # What is packed now may need the room.
        output.truncate(0)
    return {"ending": how, "exit_code": code, "output": tail}


def end_others() -> None:
    """End every process in the sandbox but this one; whatever it started may be left.

    Nothing happens outside of a sandbox, where "every process" would be somebody else's.
    """
    if Path("/proc/1/comm").read_text(encoding="utf-8").strip() != _INIT:
        return
    with contextlib.suppress(ProcessLookupError):
        # All at once: one after the other would never catch up with a fork bomb.
        os.kill(-1, signal.SIGKILL)
    with contextlib.suppress(ChildProcessError):
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass


def git(*arguments: str) -> bytes:
    """What git prints; empty where it fails, as after a crash in mid-commit."""
    done = subprocess.run(["git", *arguments], cwd=ROOT, capture_output=True, check=False)
    return done.stdout if done.returncode == 0 else b""


def changed_files(base: str) -> dict[str, bytes | None]:
    """Content by path of what the branch changed since ``base``; None where it is gone.

    Raises:
        UnicodeDecodeError: A path is no UTF-8.
    """
    listing = git("diff-tree", "-r", "-z", "--no-renames", "--raw", base, "refs/heads/main")
    fields = listing.split(b"\0")[:-1]
    found: dict[str, bytes | None] = {}
    for head, name in zip(fields[::2], fields[1::2], strict=True):
        mode, blob = head.split()[1], head.split()[3].decode()
        gone = not int(mode, 8)
        content = b"" if gone else git("cat-file", "blob", blob)[:_MOST_BYTES]
        found[name.decode()] = None if gone else content
    return found


def settle(database: Path) -> None:
    """Fold a write-ahead log that a killed agent left into its database."""
    connection = sqlite3.connect(database, timeout=5)
    connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    connection.close()


def kept_database(place: Path) -> bytes:
    """Content of a database, settled.

    Raises:
        OSError: It cannot be read.
        ValueError: It is too large.
        sqlite3.Error: It is damaged or none.
    """
    settle(place)
    with place.open("rb") as file:
        content = file.read(_MOST_DATABASE + 1)
    if len(content) > _MOST_DATABASE:
        raise ValueError(f"over {_MOST_DATABASE} bytes")
    return content


def pack(result: dict[str, Any], kept: list[str], base: str) -> bytes:
    """Everything that goes out: a line that says what follows, then the pieces."""
    files = changed_files(base) if base else {}
    changed = {name: text for name, text in sorted(files.items()) if text is not None}
    databases: dict[str, bytes] = {}
    for name in kept:
        place = STATE / name
        if not place.is_file():
            continue
        try:
            databases[name] = kept_database(place)
        except (OSError, ValueError, sqlite3.Error) as error:
            result["output"] += f"\n{name}: {error}"
    pieces = [*changed.values(), *databases.values()]
    told = result | {
        "changed": list(changed),
        "deleted": sorted(set(files) - set(changed)),
        "databases": list(databases),
        "sizes": [len(piece) for piece in pieces],
    }
    return b"".join([json.dumps(told).encode(), b"\n", *pieces])


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
