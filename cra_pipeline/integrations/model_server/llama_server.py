"""llama-server behind ``ports.ModelServer``: the small one, for processors, told from its defects.

It answers unknown models with the base, knows no names of adapters, mixes adapters in its cache of
prompts, and takes adapters that are not finite. So a process of this project stands before it, see
``llama_engine``: that one speaks OpenAI's protocol by names, refuses unknown ones, and tells it
every adapter's share with every request; files are vetted before they are converted.

Its adapters are those of its start: ``load`` starts another one beside it, which takes over when it
answers; requests meanwhile are answered by the old one. A program that dies is started again with
the next request.
"""

from __future__ import annotations

import json
import os
import secrets
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path

from cra_pipeline.contracts.workspace import Layout
from cra_pipeline.integrations.gateway.listening import listen_loopback
from cra_pipeline.integrations.leftovers import prefix_of
from cra_pipeline.integrations.model_server.__main__ import TOKEN_VARIABLE
from cra_pipeline.integrations.model_server.asking import Asking
from cra_pipeline.integrations.model_server.install import installed
from cra_pipeline.integrations.model_server.llama_policy import LlamaPolicy
from cra_pipeline.integrations.model_server.process import ServedBase
from cra_pipeline.integrations.model_server.snapshots import Snapshots, Vet

_FORCED_S = 15.0
_MODULE = "cra_pipeline.integrations.model_server.llama_main"


@dataclass(slots=True, kw_only=True)
class LlamaServer:
    """A ``ports.ModelServer``; safe to use from many threads."""

    base: ServedBase
    policy: LlamaPolicy
    _asking: Asking
    _process: subprocess.Popen[bytes]
    _snapshots: Snapshots
    _one: threading.Lock = field(default_factory=threading.Lock)

    @property
    def base_url(self) -> str:
        """Such as ``http://127.0.0.1:8001/v1``."""
        return self._asking.base_url

    @property
    def api_key(self) -> str:
        """Shown by clients; empty, as anybody on this machine may ask."""
        return ""

    @property
    def served_as(self) -> str:
        """Of the policy."""
        return self.policy.served_as

    @property
    def log(self) -> Path:
        """What the process and its programs say; gone with its end."""
        return self._asking.log

    @property
    def pid(self) -> int:
        """Of the process that clients speak to; the programs are its grandchildren."""
        return self._process.pid

    @property
    def ended(self) -> bool:
        """Whether that process died."""
        return self._process.poll() is not None

    def models(self) -> tuple[str, ...]:
        """Names that requests may give: the base's first, then adapters, sorted.

        Raises:
            ModelError: The server does not answer.
        """
        return tuple(item["id"] for item in self._asking.asked("GET", "/v1/models")["data"])

    def load(self, version: str, folder: Path) -> None:
        """Serve an adapter under an immutable name; again, where it is served already.

        Raises:
            ModelError: The name is another one's, or no program starts with it; the old one stays.
            GuardError: The files are not sound.
            PipelineError: Whatever ``vet`` has against them.
        """
        with self._one:
            copy = self._snapshots.keep(version, folder)
            told = {"lora_name": version, "lora_path": str(copy)}
            self._asking.asked("POST", "/v1/load_lora_adapter", told, self.policy.load_s)

    def unload(self, version: str) -> None:
        """Serve it no longer; requests under way are answered.

        Raises:
            ModelError: No such adapter is served.
        """
        told = {"lora_name": version}
        self._asking.asked("POST", "/v1/unload_lora_adapter", told, self.policy.load_s)

    def stop(self) -> None:
        """End the process and its programs, and wait; a second time nothing happens."""
        self._process.terminate()
        try:
            self._process.wait(self.policy.stop_s + _FORCED_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        if self._process.stdin is not None:
            self._process.stdin.close()

    def wait_until_ready(self) -> None:
        """Wait for the first sign of life: the socket takes the question before there is a model.

        Raises:
            ModelError: It ended, or did not answer in time; the message has its last words.
        """
        self._asking.asked("GET", "/health", seconds=self.policy.start_s)


@contextmanager
def running_llama(
    layout: Layout,
    base: ServedBase,
    *,
    policy: LlamaPolicy | None = None,
    vet: Vet | None = None,
) -> Iterator[LlamaServer]:
    """Serve a base on loopback for the time of the block.

    All its processes end with the block, and with this process however that ends.

    Args:
        layout: The workspace; the converted base stays in it, the rest lies in its scratch folder
            meanwhile.
        base: What is served.
        policy: Numbers.
        vet: Looks at a copy of each adapter before it is loaded.

    Raises:
        ModelError: llama-server is not installed, the model cannot be served, or it does not
            answer in time.
        BusyError: The port is taken.
    """
    rules = policy or LlamaPolicy()
    place = installed(layout, "llama_server").folder
    layout.scratch.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=layout.scratch, prefix=prefix_of("server")) as folder:
        server = _started(layout, base, Path(folder), place, rules, vet)
        try:
            server.wait_until_ready()
            yield server
        finally:
            server.stop()


def _started(  # noqa: PLR0913, PLR0917  # what there is, and where
    layout: Layout,
    base: ServedBase,
    folder: Path,
    place: Path,
    policy: LlamaPolicy,
    vet: Vet | None,
) -> LlamaServer:
    token, log, files = secrets.token_urlsafe(32), folder / "server.log", folder / "files"
    files.mkdir()
    told = {
        "workspace": layout.root,
        "place": place,
        "folder": files,
        "model": base.folder.resolve(),
        "name": base.name,
        "window": base.window,
        "policy": json.dumps(asdict(policy)),
    }
    with listen_loopback(policy.port) as listening, log.open("ab") as words:
        port = int(listening.getsockname()[1])
        arguments = [f"--{key}={value}" for key, value in told.items()]
        process = subprocess.Popen(
            [sys.executable, "-m", _MODULE, f"--socket={listening.fileno()}", *arguments],
            stdin=subprocess.PIPE,
            stdout=words,
            stderr=words,
            pass_fds=(listening.fileno(),),
            env=os.environ | {TOKEN_VARIABLE: token},
        )
    return LlamaServer(
        base=base,
        policy=policy,
        _asking=Asking(port=port, log=log, token=token),
        _process=process,
        _snapshots=Snapshots(
            folder=folder / "adapters", base=base.folder, base_name=base.name, vet=vet
        ),
    )
