"""How tests ask a running server: one question, or many at the same time."""

from __future__ import annotations

import http.client
import json
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import psutil

from cra_pipeline.integrations.model_server.table import RunningServer
from cra_pipeline_tests.integrations.model_server.worlds import MOST, SYSTEM, whole_text

AT_A_TIME = 12


@dataclass(frozen=True, slots=True)
class Reply:
    """Status and body of an answer."""

    status: int
    body: dict[str, Any]

    @property
    def text(self) -> str:
        """What a model said, as ``whole_text`` has it."""
        return whole_text(str(self.body["choices"][0]["message"]["content"]))

    @property
    def ids(self) -> tuple[int, ...]:
        """Its tokens, where the server was asked for them and tells them."""
        return tuple(self.body["choices"][0]["token_ids"])


def posted(server: RunningServer, path: str, body: bytes, seconds: float = 300.0) -> Reply:
    """The reply to a body below ``/v1``.

    Raises:
        OSError: The server broke off, or was silent for so long.
        HTTPException: It broke off in the midst of an answer.
    """
    address = urlsplit(server.base_url)
    connection = http.client.HTTPConnection(address.hostname or "", address.port, timeout=seconds)
    headers = {"Content-Type": "application/json", "Authorization": f"Bearer {server.api_key}"}
    try:
        connection.request("POST", f"{address.path}{path}", body, headers)
        response = connection.getresponse()
        return Reply(response.status, json.loads(response.read()))
    finally:
        connection.close()


def chat(server: RunningServer, model: str, text: str, **more: object) -> Reply:
    """The greedy answer to a question."""
    told = {
        "model": model,
        "messages": [{"role": "system", "content": SYSTEM}, {"role": "user", "content": text}],
        "max_tokens": MOST,
        "temperature": 0,
    }
    return posted(server, "/chat/completions", json.dumps(told | more).encode())


def at_once(server: RunningServer, asked: Sequence[tuple[str, str]], **more: object) -> list[Reply]:
    """Replies to (model, question), in order, many of them under way at a time."""
    with ThreadPoolExecutor(AT_A_TIME) as pool:
        return list(pool.map(lambda one: chat(server, one[0], one[1], **more), asked))


def gone(family: Iterable[psutil.Process], seconds: float = 30.0) -> bool:
    """Whether all of these processes end in time; one that nobody has asked after has ended."""
    _, alive = psutil.wait_procs(list(family), timeout=seconds)
    return all(_dead(process) for process in alive)


def _dead(process: psutil.Process) -> bool:
    try:
        return process.status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True
