"""A program that is started, asked and ended as llama-server is; the standard library alone.

Its answer is one token for each share that is not 0, the adapter's number, or 200 where the base
answers: as the real one it answers whatever it is asked. A prompt that begins with token 7 is at
work until the process ends. With a file ``fails`` beside the base it does not start.
"""

from __future__ import annotations

import json
import socketserver
import sys
import threading
from http.server import BaseHTTPRequestHandler
from pathlib import Path

OPTIONS = dict(zip(sys.argv, sys.argv[1:], strict=False))
ADAPTERS = [part.rpartition(":")[0] for part in OPTIONS.get("--lora-scaled", "").split(",") if part]
BASE, WORKING = 200, 7


class Handler(BaseHTTPRequestHandler):
    """llama-server's addresses."""

    protocol_version = "HTTP/1.1"

    def address_string(self) -> str:
        """A socket file has none."""
        return "socket"

    def do_GET(self) -> None:
        """Health."""
        self.said({"status": "ok"})

    def do_POST(self) -> None:
        """An answer."""
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        if body["prompt"][0] == WORKING:
            threading.Event().wait()
        on = [share["id"] for share in body.get("lora", ()) if share["scale"]]
        # What is read from the file that it was started with, not what was asked for.
        names = [Path(ADAPTERS[number]).stem for number in on]
        tokens = [BASE + int(name) for name in names] or [BASE]
        self.said({"tokens": tokens, "stop_type": "eos", "content": ""})

    def said(self, told: object) -> None:
        """As JSON."""
        content = json.dumps(told).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)


class Server(socketserver.ThreadingMixIn, socketserver.UnixStreamServer):
    """On a socket file."""

    daemon_threads = True


def main() -> None:
    """Serve until killed."""
    model = Path(OPTIONS["-m"])
    if (Path(model.read_text()) / "fails").exists():
        sys.exit("E llama_model_load: error loading model: failed to allocate CPU buffer")
    if any(not (model.parent / name).exists() for name in ADAPTERS):
        sys.exit("E failed to apply lora adapter")
    Server(OPTIONS["--host"], Handler).serve_forever()


if __name__ == "__main__":
    main()
