"""Questions that a server's owner asks it over HTTP, and its last words where it is silent."""

from __future__ import annotations

import http.client
import json
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from cra_pipeline.errors import ModelError

_QUOTED = 2000
_CAUSE = re.compile(r"^(?:[^\n]*\] )?((?:\w+\.)*\w*(?:Error|Exception): .{1,300})", re.MULTILINE)
_CAUSES = 2
_OK = 200
_ASKED_S = 30.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Asking:
    """The way to one server on loopback.

    Attributes:
        port: Where it listens.
        log: Holds what it says on its outputs.
        token: Shown with every question; in no message.
    """

    port: int
    log: Path
    token: str = field(repr=False)

    @property
    def base_url(self) -> str:
        """As clients of OpenAI's protocol want it."""
        return f"http://127.0.0.1:{self.port}/v1"

    def asked(self, method: str, path: str, body: object = None, seconds: float = _ASKED_S) -> Any:  # noqa: ANN401  # JSON, or a plain text where the server answers so
        """What the server answers.

        Args:
            method: Of HTTP.
            path: From the root.
            body: Sent as JSON.
            seconds: That the server may stay silent.

        Raises:
            ModelError: No answer, or a refusal; with the server's reason or its last words.
        """
        status, content = self._exchanged(method, path, body, seconds)
        if status != _OK:
            raise ModelError(f"{self.base_url}: status {status}: {_reason(content)}")
        try:
            return json.loads(content)
        except ValueError:
            return content.decode(errors="replace")

    def refuses(self, path: str) -> bool:
        """Whether the server is there and answers a question with a refusal.

        Raises:
            ModelError: No answer.
        """
        return self._exchanged("GET", path, None, _ASKED_S)[0] != _OK

    def last_words(self) -> str:
        """End of the log."""
        return last_words(self.log)

    def _exchanged(self, method: str, path: str, body: object, seconds: float) -> tuple[int, bytes]:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=seconds)
        headers = {"Authorization": f"Bearer {self.token}", "Content-Type": "application/json"}
        try:
            connection.request(method, path, json.dumps(body), headers)
            response = connection.getresponse()
            return response.status, response.read()
        except (OSError, http.client.HTTPException) as error:
            raise ModelError(
                f"{self.base_url}: no answer from the model server ({error or type(error).__name__}"
                f"): {self.last_words()}"
            ) from error
        finally:
            connection.close()


def last_words(log: Path) -> str:
    """The end of a log, and before it the first errors that it tells, where they lie further up."""
    text = log.read_text(encoding="utf-8", errors="replace") if log.exists() else ""
    end = text[-_QUOTED:].strip() or f"nothing in {log}"
    # Of several processes the one that failed speaks first, and those that waited for it last.
    causes = list(dict.fromkeys(found[1] for found in _CAUSE.finditer(text)))[:_CAUSES]
    return "; ".join([*(cause for cause in causes if cause not in end), end])


def _reason(content: bytes) -> str:
    try:
        found = json.loads(content)
        told = found["error"]["message"] if "error" in found else found["message"]
        return str(told)[:_QUOTED]
    except (ValueError, KeyError, TypeError):
        return repr(content[:_QUOTED])
