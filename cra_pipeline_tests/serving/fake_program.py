"""A model server without a model: starts in no time, and can be killed.

``python fake_program.py SOCKET BASE``. It speaks as the real ones do (OpenAI's completions,
adapters by name), answers ``yes`` or with the name of whoever answers, and does on demand what real
ones do on bad days: the words of a prompt decide. It ends with whoever started it. Standard library
alone, because dozens are started.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import socket
import sys
import threading
from typing import Any

CRASH, REFUSE, MUMBLE, SLEEP, BASE = "[crash]", "[refuse]", "[mumble]", "[sleep]", "[base]"
REJECT = "[reject]"
"""In a prompt: the process ends; status 500; an answer that is neither yes nor no; 0.3 s of work;
the base answers in place of the adapter; status 400."""

_WORK_S = 0.3


class Program:
    """Base and adapters by name."""

    def __init__(self, base: str) -> None:
        self.base = base
        self.names = {base}

    async def handle(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer on one connection until it ends."""
        with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).decode()
                lines = head.lower().split("\r\n")
                length = next(
                    (int(line.partition(":")[2]) for line in lines if "content-length" in line), 0
                )
                body = json.loads(await reader.readexactly(length) or b"null")
                status, told = await self.told(head.split()[1], body)
                content = json.dumps(told).encode()
                top = f"HTTP/1.1 {status} x\r\nContent-Type: application/json\r\n"
                writer.write(f"{top}Content-Length: {len(content)}\r\n\r\n".encode() + content)
                await writer.drain()
        writer.close()

    async def told(self, path: str, body: Any) -> tuple[int, object]:  # noqa: ANN401  # JSON
        """Status and reply."""
        if path == "/v1/load_lora_adapter":
            self.names.add(body["lora_name"])
        elif path == "/v1/unload_lora_adapter":
            self.names.discard(body["lora_name"])
        elif path == "/v1/chat/completions":
            return await self.chat(body["model"], body["messages"][-1]["content"])
        return 200, {"names": [self.base, *sorted(self.names - {self.base})]}

    async def chat(self, model: str, prompt: str) -> tuple[int, object]:
        """A completion."""
        if CRASH in prompt:
            os._exit(9)
        if SLEEP in prompt:
            await asyncio.sleep(_WORK_S)
        if model not in self.names:
            return 404, {"error": {"message": f"no {model}"}}
        if REFUSE in prompt:
            return 500, {"error": {"message": "not finite"}}
        if REJECT in prompt:
            return 400, {"error": {"message": "temperature: must be in [0, 2]"}}
        text = "hm" if MUMBLE in prompt else "yes" if "yes" in prompt else model
        return 200, {
            "model": self.base if BASE in prompt else model,
            "choices": [{"message": {"content": text}, "finish_reason": "stop"}],
            "usage": {"prompt_tokens": 3, "completion_tokens": 1},
        }


def _end_with_parent() -> None:
    with contextlib.suppress(OSError):
        while os.read(0, 4096):
            pass
    os._exit(0)


async def _serve(number: int, base: str) -> None:
    server = await asyncio.start_server(
        Program(base).handle, sock=socket.socket(fileno=number), limit=2**24
    )
    await server.serve_forever()


if __name__ == "__main__":
    threading.Thread(target=_end_with_parent, daemon=True).start()
    asyncio.run(_serve(int(sys.argv[1]), sys.argv[2]))
