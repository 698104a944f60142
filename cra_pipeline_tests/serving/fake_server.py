"""The fake model server of ``fake_program``, seen from whoever starts it."""

from __future__ import annotations

import http.client
import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from cra_pipeline.errors import ModelError
from cra_pipeline.integrations.gateway.listening import listen_loopback
from cra_pipeline_tests.serving import fake_program

PROGRAM = fake_program.__file__
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
            [sys.executable, "-I", PROGRAM, str(listening.fileno()), base],
            stdin=subprocess.PIPE,
            stdout=words,
            stderr=words,
            pass_fds=(listening.fileno(),),
        )
    server = FakeServer(base_url=f"http://127.0.0.1:{port}/v1", process=process, log=log, vet=vet)
    try:
        server.models()
        yield server
    finally:
        server.stop()
