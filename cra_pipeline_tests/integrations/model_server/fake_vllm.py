"""A program that is started, asked and ended as vLLM's server is; the standard library alone.

It starts a child, as vLLM does; an answer names whoever gave it. With a file ``fails`` in the
model's folder it dies as vLLM was recorded to where memory is too small.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

RECORDED = """\
ERROR 11-24 18:47:31 [core.py:1180] EngineCore failed to start.
ERROR 11-24 18:47:31 [core.py:1180] ValueError: No available memory for the cache blocks. Try \
increasing `gpu_memory_utilization` when initializing the engine
{}RuntimeError: Engine core initialization failed. See root cause above. Failed core proc(s): {{}}
"""
ASKED = dict(part[2:].split("=", 1) for part in sys.argv[3:] if "=" in part)
BASE = ASKED["served-model-name"]
LOADED: dict[str, str] = {}


class Handler(BaseHTTPRequestHandler):
    """vLLM's addresses."""

    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        """Health to everybody, names to who has the key."""
        if self.path == "/health":
            self.said(200, "")
        elif self.headers["Authorization"] != f"Bearer {os.environ['VLLM_API_KEY']}":
            self.said(401, {"error": "Unauthorized"})
        else:
            self.said(200, {"data": [{"id": name} for name in (*LOADED, BASE)]})

    def do_POST(self) -> None:
        """Adapters and answers."""
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        if self.path == "/v1/load_lora_adapter":
            LOADED[body["lora_name"]] = body["lora_path"]
            self.said(200, "Success: LoRA adapter added")
        elif self.path == "/v1/unload_lora_adapter":
            known = LOADED.pop(body["lora_name"], None)
            told = {"error": {"message": f"no adapter {body['lora_name']}"}}
            self.said(200 if known else 404, "Success" if known else told)
        else:
            sys.stderr.write(f"answered {body['model']} from {LOADED.get(body['model'])}\n")
            self.said(200, {"model": body["model"], "choices": [{"text": "x"}]})

    def said(self, status: int, told: object) -> None:
        """Plain texts are told as such, as vLLM does."""
        content = (told if isinstance(told, str) else json.dumps(told)).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)


def main() -> None:
    """Serve until killed."""
    sys.stderr.write(f"arguments {sys.argv} environment {sorted(os.environ.items() - KEYS)}\n")
    if (Path(ASKED["model"]) / "fails").exists():
        sys.exit(RECORDED.format("  File somewhere\n" * 400))
    with subprocess.Popen(["/bin/sleep", "600"]):
        ThreadingHTTPServer(("127.0.0.1", int(ASKED["port"])), Handler).serve_forever()


KEYS = {("VLLM_API_KEY", os.environ["VLLM_API_KEY"])}

if __name__ == "__main__":
    main()
