"""Asks the model server, and logs what was asked and answered."""

from __future__ import annotations

import http.client
import json
import sqlite3
import time
from typing import Any
from urllib.parse import urlsplit

from .prompts import SYSTEM_PROMPTS, logged_as, role_of
from .schema import insert, now
from .settings import Settings

_TIMEOUT_S = 300.0
_OK = range(200, 300)
_MARGIN = 256
_PER_TOKEN = 3


class Model:
    """One connection that is kept, and the calls that are not yet in the database."""

    def __init__(self, settings: Settings) -> None:
        address = urlsplit(settings.models["base_url"])
        self._settings = settings
        self._line = http.client.HTTPConnection(address.netloc, timeout=_TIMEOUT_S)
        self.waiting: list[dict[str, Any]] = []

    def ask(self, kind: str, prompt: str) -> str:
        """The answer to one call.

        Raises:
            ValueError: The prompt leaves no room for the answer.
            RuntimeError: The server refused; as with the agent, the whole run ends.
            OSError: There is no server.
        """
        settings, system = self._settings, SYSTEM_PROMPTS[kind]
        tokens = (len(prompt) + len(system)) // _PER_TOKEN
        if tokens > settings.window - settings.max_tokens:
            raise ValueError(f"{kind}: a prompt of {tokens} tokens leaves no room for an answer")
        role = role_of(kind)
        body = {
            "model": settings.models[role],
            "prompt": prompt,
            "stream": False,
            "options": {
                "temperature": settings.temperature(role),
                "num_predict": max(1, settings.window - tokens - _MARGIN),
            },
            "system": system,
        }
        started = time.monotonic()
        reply = self._post(kind, json.dumps(body).encode())
        text, thinking = _parted(reply["response"])
        call_type, stage, sub_stage = logged_as(kind)
        self.waiting.append({
            "call_type": call_type,
            "stage_name": stage,
            "sub_stage": sub_stage,
            "model": body["model"],
            "system_prompt": system,
            "prompt": prompt,
            "response": text,
            "thinking": thinking,
            "prompt_tokens": reply.get("prompt_eval_count"),
            "completion_tokens": reply.get("eval_count"),
            "latency_ms": round((time.monotonic() - started) * 1000),
        })  # fmt: skip
        return text

    def _post(self, kind: str, body: bytes) -> dict[str, Any]:
        headers = {"Content-Type": "application/json"}
        self._line.request("POST", "/api/generate", body, headers)
        answer = self._line.getresponse()
        content = answer.read()
        if answer.status not in _OK:
            raise RuntimeError(f"{kind}: the model server said {answer.status}: {content[:500]!r}")
        found: dict[str, Any] = json.loads(content)
        return found

    def verdict(self, kind: str, prompt: str) -> bool:
        """A yes or no; what is neither counts as no."""
        text = self.ask(kind, prompt).strip().lower()
        if text in {"yes", "no"}:
            return text == "yes"
        try:
            found = json.loads(text)
        except ValueError:
            return False
        if not isinstance(found, dict):
            return False
        return found.get("verdict") in ("yes", "relevant", True) or found.get("keep") is True

    def flush(self, raw: sqlite3.Connection, task_id: str) -> dict[str, Any] | None:
        """Write the waiting calls; those of a pass that raised never are, as with the agent.

        Returns:
            The last of them.
        """
        calls, self.waiting = self.waiting, []
        raw.execute("BEGIN")
        for call in calls:
            insert(raw, "retrieval_llm_calls", task_id=task_id, timestamp=now(), **call)
        raw.execute("COMMIT")
        return calls[-1] if calls else None


def _parted(text: str) -> tuple[str, str]:
    """Answer and thinking; a thought that is not closed swallows the rest."""
    start = text.find("<think>")
    if start < 0:
        return text, ""
    end = text.rfind("</think>")
    if end < start:
        return text[:start].strip(), text[start + len("<think>") :].strip()
    rest = text[:start] + text[end + len("</think>") :]
    return rest.strip(), text[start + len("<think>") : end].strip()
