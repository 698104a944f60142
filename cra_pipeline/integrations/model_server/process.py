"""The server seen from outside: started, asked for its state, told about adapters, ended."""

from __future__ import annotations

import os
import secrets
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from cra_pipeline.contracts.workspace import Layout
from cra_pipeline.integrations.gateway.listening import listen_loopback
from cra_pipeline.integrations.leftovers import prefix_of
from cra_pipeline.integrations.model_server.__main__ import TOKEN_VARIABLE
from cra_pipeline.integrations.model_server.asking import Asking
from cra_pipeline.integrations.model_server.policy import ServerPolicy
from cra_pipeline.integrations.model_server.snapshots import Vet

_MODULE = "cra_pipeline.integrations.model_server"


@dataclass(frozen=True, slots=True, kw_only=True)
class ServedBase:
    """What is to be served.

    Attributes:
        name: Under which the base answers.
        folder: Model and tokenizer in Hugging Face's layout.
        window: Most tokens of prompt and answer together.
    """

    name: str
    folder: Path
    window: int


@dataclass(slots=True, kw_only=True)
class TransformersServer:
    """A ``ports.ModelServer`` of transformers and PEFT in a process of its own."""

    served_as: str
    policy: ServerPolicy
    vet: Vet | None
    _process: subprocess.Popen[bytes]
    _asking: Asking

    @property
    def base_url(self) -> str:
        """Such as ``http://127.0.0.1:8001/v1``."""
        return self._asking.base_url

    @property
    def api_key(self) -> str:
        """Shown by clients; empty, as anybody on this machine may ask."""
        return ""

    @property
    def log(self) -> Path:
        """What the server says; gone with its end."""
        return self._asking.log

    @property
    def ended(self) -> bool:
        """Whether it died."""
        return self._process.poll() is not None

    @property
    def pid(self) -> int:
        """Of the process that serves."""
        return self._process.pid

    def models(self) -> tuple[str, ...]:
        """Names that requests may give: the base's first, then adapters, sorted.

        Raises:
            ModelError: The server does not answer.
        """
        return tuple(item["id"] for item in self._asking.asked("GET", "/v1/models")["data"])

    def load(self, version: str, folder: Path) -> None:
        """Serve an adapter under an immutable name; again, where it is served already.

        Raises:
            ModelError: The name is another one's, the files are not sound, or the server refuses.
            PipelineError: Whatever ``vet`` has against the files.
        """
        if self.vet is not None:
            self.vet(folder)
        told = {"lora_name": version, "lora_path": str(folder.resolve())}
        self._asking.asked("POST", "/v1/load_lora_adapter", told, self.policy.load_s)

    def unload(self, version: str) -> None:
        """Serve it no longer; requests under way are answered.

        Raises:
            ModelError: No such adapter is served.
        """
        told = {"lora_name": version}
        self._asking.asked("POST", "/v1/unload_lora_adapter", told, self.policy.load_s)

    def stop(self) -> None:
        """End the process, and wait for it; a second time nothing happens."""
        if self._process.stdin is not None:
            self._process.stdin.close()
        self._process.terminate()
        try:
            self._process.wait(self.policy.stop_s)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def wait_until_ready(self) -> None:
        """Wait for the first sign of life: the socket takes the question before there is a model.

        Raises:
            ModelError: The process ended, or did not answer in time; the message has its last
                words.
        """
        self._asking.asked("GET", "/health", seconds=self.policy.start_s)


@contextmanager
def running_server(
    layout: Layout,
    base: ServedBase,
    *,
    policy: ServerPolicy | None = None,
    vet: Vet | None = None,
) -> Iterator[TransformersServer]:
    """Serve a base on loopback for the time of the block.

    The process ends with the block, and with this process however that ends.

    Args:
        layout: The workspace; the server's log lies in its scratch folder meanwhile.
        base: What is served.
        policy: Numbers.
        vet: Looks at adapters before they are loaded.

    Raises:
        ModelError: The model cannot be read, or the server does not answer in time.
        BusyError: The port is taken.
    """
    rules = policy or ServerPolicy()
    layout.scratch.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=layout.scratch, prefix=prefix_of("server")) as folder:
        server = _started(base, Path(folder) / "server.log", rules, vet)
        try:
            server.wait_until_ready()
            yield server
        finally:
            server.stop()


def _started(
    base: ServedBase, log: Path, policy: ServerPolicy, vet: Vet | None
) -> TransformersServer:
    token = secrets.token_urlsafe(32)
    with listen_loopback(policy.port) as listening, log.open("wb") as words:
        port = int(listening.getsockname()[1])
        process = subprocess.Popen(
            _command(base, policy, listening.fileno()),
            stdin=subprocess.PIPE,
            stdout=words,
            stderr=words,
            pass_fds=(listening.fileno(),),
            env=os.environ | _environment(policy) | {TOKEN_VARIABLE: token},
        )
    return TransformersServer(
        served_as=policy.precision,
        policy=policy,
        vet=vet,
        _process=process,
        _asking=Asking(port=port, log=log, token=token),
    )


def _command(base: ServedBase, policy: ServerPolicy, socket_number: int) -> list[str]:
    told = {
        "socket": socket_number,
        "model": base.folder.resolve(),
        "name": base.name,
        "window": base.window,
        "precision": policy.precision,
        "device": policy.device,
        "threads": policy.threads,
    }
    return [sys.executable, "-m", _MODULE, *(f"--{key}={value}" for key, value in told.items())]


def _environment(policy: ServerPolicy) -> dict[str, str]:
    return {
        "OMP_NUM_THREADS": str(policy.threads),
        "OMP_WAIT_POLICY": "PASSIVE",
        "HF_HUB_OFFLINE": "1",
        "TOKENIZERS_PARALLELISM": "false",
    }
