"""A model server without a model, in a process of its own: starts in no time and can be killed.

It speaks as the real ones do (OpenAI's completions, adapters by name), answers ``yes`` or with the
name of whoever answers, and does on demand what real ones do on bad days: the words of a prompt
decide. It ends with whoever started it.
"""

from __future__ import annotations

import asyncio
import contextlib
import http.client
import json
import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from aiohttp import web

from cra_pipeline.errors import ModelError
from cra_pipeline.integrations.gateway.listening import listen_loopback

CRASH, REFUSE, MUMBLE, SLEEP, BASE = "[crash]", "[refuse]", "[mumble]", "[sleep]", "[base]"
"""In a prompt: the process ends; status 500; an answer that is neither yes nor no; 0.3 s of work;
the base answers in place of the adapter."""
BAD = "bad"
"""A file of this name in an adapter's folder: loading it is refused."""

_OK = 200


@dataclass(slots=True, kw_only=True)
class FakeServer:
    """As ``table.RunningServer`` says."""

    base_url: str
    process: subprocess.Popen[bytes]
    log: Path
    vet: Callable[[Path], None] | None = None
    api_key: str = ""
    served_as: str = "float32"

    @property
    def pid(self) -> int:
        """Of the process."""
        return self.process.pid

    @property
    def ended(self) -> bool:
        """Whether it ended."""
        return self.process.poll() is not None

    def models(self) -> tuple[str, ...]:
        """The base's name, then adapters'."""
        return tuple(self._asked("GET", "/v1/models", None)["names"])

    def load(self, version: str, folder: Path) -> None:
        """Serve a name."""
        if self.vet is not None:
            self.vet(folder)
        if (folder / BAD).exists():
            raise ModelError(f"{folder}: the server refuses it")
        self._asked("POST", "/v1/load_lora_adapter", {"lora_name": version})

    def unload(self, version: str) -> None:
        """Serve it no longer."""
        self._asked("POST", "/v1/unload_lora_adapter", {"lora_name": version})

    def stop(self) -> None:
        """End the process."""
        self.process.kill()
        self.process.wait()
        assert self.process.stdin is not None
        self.process.stdin.close()

    def _asked(self, method: str, path: str, body: object) -> dict[str, list[str]]:
        port = int(self.base_url.rpartition(":")[2].partition("/")[0])
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
        try:
            connection.request(method, path, json.dumps(body))
            response = connection.getresponse()
            found: dict[str, list[str]] = json.loads(response.read())
        except (OSError, http.client.HTTPException) as error:
            raise ModelError(f"{self.base_url}: {error}") from error
        finally:
            connection.close()
        if response.status != _OK:
            raise ModelError(f"{self.base_url}: {found}")
        return found


@contextmanager
def fake_server(
    base: str, folder: Path, vet: Callable[[Path], None] | None = None
) -> Iterator[FakeServer]:
    """A server for the time of the block."""
    folder.mkdir(parents=True, exist_ok=True)
    log = folder / "fake.log"
    with listen_loopback(0) as listening, log.open("ab") as words:
        port = listening.getsockname()[1]
        process = subprocess.Popen(
            [sys.executable, str(Path(__file__)), str(listening.fileno()), base],
            stdin=subprocess.PIPE,
            stdout=words,
            stderr=words,
            pass_fds=(listening.fileno(),),
            env=os.environ | {"PYTHONPATH": str(Path(__file__).parents[2])},
        )
    server = FakeServer(base_url=f"http://127.0.0.1:{port}/v1", process=process, log=log, vet=vet)
    try:
        server.models()
        yield server
    finally:
        server.stop()


class _App:
    def __init__(self, base: str) -> None:
        self.base = base
        self.names = {base}

    async def models(self, _: web.Request) -> web.Response:
        return web.json_response({"names": [self.base, *sorted(self.names - {self.base})]})

    async def load(self, request: web.Request) -> web.Response:
        self.names.add((await request.json())["lora_name"])
        return web.json_response({})

    async def unload(self, request: web.Request) -> web.Response:
        self.names.discard((await request.json())["lora_name"])
        return web.json_response({})

    async def chat(self, request: web.Request) -> web.Response:
        asked = await request.json()
        prompt, model = asked["messages"][-1]["content"], asked["model"]
        if CRASH in prompt:
            os._exit(9)
        if SLEEP in prompt:
            await asyncio.sleep(0.3)
        if model not in self.names:
            return web.json_response({"error": {"message": f"no {model}"}}, status=404)
        if REFUSE in prompt:
            return web.json_response({"error": {"message": "not finite"}}, status=500)
        text = "hm" if MUMBLE in prompt else "yes" if "yes" in prompt else model
        return web.json_response(
            {
                "model": self.base if BASE in prompt else model,
                "choices": [{"message": {"content": text}, "finish_reason": "stop"}],
                "usage": {"prompt_tokens": 3, "completion_tokens": 1},
            }
        )


def _end_with_parent() -> None:
    with contextlib.suppress(OSError):
        while os.read(0, 4096):
            pass
    os._exit(0)


async def _serve(number: int, base: str) -> None:
    import socket

    app, found = _App(base), web.Application()
    found.add_routes([
        web.get("/v1/models", app.models),
        web.post("/v1/load_lora_adapter", app.load),
        web.post("/v1/unload_lora_adapter", app.unload),
        web.post("/v1/chat/completions", app.chat),
    ])  # fmt: skip
    runner = web.AppRunner(found, access_log=None)
    await runner.setup()
    await web.SockSite(runner, socket.socket(fileno=number)).start()
    await asyncio.Event().wait()


if __name__ == "__main__":
    threading.Thread(target=_end_with_parent, daemon=True).start()
    asyncio.run(_serve(int(sys.argv[1]), sys.argv[2]))
