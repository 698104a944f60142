"""vLLM behind ``ports.ModelServer``: its own server program, told apart from its defects.

* Its build for processors gives the base's rows of a batch that holds adapters the last slot's
  adapter, since it finds "none" as number -1 counted from the end. So there is one slot more than
  adapters may ever be loaded in one life of a server, and the last one is never filled: unloading
  frees no slot. A server that was given its whole number refuses further ones; start another.
* An adapter that is not finite spoils what it remembers of prompts for others, and a rank that is
  not the configuration's passes. So files are vetted before it sees them.
* It remembers prompts by the adapter's name, and reads files again when memory is short. So a name
  has one content for good, and a path that is a copy of this server's own.
* It answers a question that names no model with the base: ``within_vllm`` refuses it there.
* It asks for its key with every question but for its health: clients show ``api_key``.
"""

from __future__ import annotations

import secrets
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from cra_pipeline.contracts.workspace import Layout
from cra_pipeline.errors import ModelError
from cra_pipeline.integrations.gateway.listening import listen_loopback
from cra_pipeline.integrations.leftovers import prefix_of
from cra_pipeline.integrations.model_server.asking import Asking
from cra_pipeline.integrations.model_server.held import Held, hold
from cra_pipeline.integrations.model_server.install import installed
from cra_pipeline.integrations.model_server.process import ServedBase
from cra_pipeline.integrations.model_server.snapshots import Snapshots, Vet
from cra_pipeline.integrations.model_server.vllm_command import command, environment
from cra_pipeline.integrations.model_server.vllm_policy import VllmPolicy

_PAUSE_S = 0.2


@dataclass(slots=True, kw_only=True)
class VllmServer:
    """A ``ports.ModelServer``; safe to use from many threads."""

    base: ServedBase
    policy: VllmPolicy
    _asking: Asking
    _held: Held
    _snapshots: Snapshots
    _loaded: int = 0
    _one: threading.Lock = field(default_factory=threading.Lock)

    @property
    def base_url(self) -> str:
        """Such as ``http://127.0.0.1:8001/v1``."""
        return self._asking.base_url

    @property
    def api_key(self) -> str:
        """Shown by clients as a bearer's token; kept out of logs and messages."""
        return self._asking.token

    @property
    def served_as(self) -> str:
        """Of the policy."""
        return self.policy.served_as

    @property
    def log(self) -> Path:
        """What the server says; gone with its end."""
        return self._asking.log

    @property
    def pid(self) -> int:
        """Of the process that answers."""
        return self._held.pid

    @property
    def ended(self) -> bool:
        """Whether it died."""
        return self._held.ended

    def models(self) -> tuple[str, ...]:
        """Names that requests may give: the base's first, then adapters, sorted.

        Raises:
            ModelError: The server does not answer.
        """
        names = {item["id"] for item in self._asking.asked("GET", "/v1/models")["data"]}
        return (self.base.name, *sorted(names - {self.base.name}))

    def load(self, version: str, folder: Path) -> None:
        """Serve an adapter under an immutable name; again, where it is served already.

        It is asked one question before this returns, so that what it needs is compiled and read.

        Raises:
            ModelError: The name is another one's, or as many adapters were loaded as this server
                may ever have, or it refuses.
            GuardError: The files are not sound.
            PipelineError: Whatever ``vet`` has against them.
        """
        with self._one:
            copy = self._snapshots.keep(version, folder)
            if version in self.models():
                return
            self._require_room(version)
            told = {"lora_name": version, "lora_path": str(copy)}
            self._loaded += 1
            self._asking.asked("POST", "/v1/load_lora_adapter", told, self.policy.load_s)
            self.warm_up(version, self.policy.load_s)

    def unload(self, version: str) -> None:
        """Serve it no longer; requests under way are answered.

        Raises:
            ModelError: No such adapter is served.
        """
        told = {"lora_name": version}
        self._asking.asked("POST", "/v1/unload_lora_adapter", told, self.policy.load_s)

    def stop(self) -> None:
        """End the server and all its processes, and wait; a second time nothing happens."""
        self._held.stop()

    def warm_up(self, name: str, seconds: float) -> None:
        """One short answer: the first ones wait for compilers and allocators.

        Raises:
            ModelError: There is none.
        """
        told = {"model": name, "prompt": [0], "max_tokens": 2, "temperature": 0}
        self._asking.asked("POST", "/v1/completions", told, seconds)

    def wait_until_ready(self) -> None:
        """Wait until it answers, and is warm.

        Raises:
            ModelError: It ended, or did not answer in time; the message has its last words.
        """
        deadline = time.monotonic() + self.policy.start_s
        while not self._answers():
            if self._held.ended or time.monotonic() > deadline:
                raise ModelError(
                    f"{self.base.folder}: vLLM {self._held.ending} before it could serve "
                    f"{self.base.name}: {self._asking.last_words()}"
                )
            time.sleep(_PAUSE_S)
        self.warm_up(self.base.name, self.policy.start_s)

    def _answers(self) -> bool:
        try:
            self._asking.asked("GET", "/health")
        except ModelError:
            return False
        return True

    def _require_room(self, version: str) -> None:
        live = len(self.models()) - 1
        used = self._loaded if self.policy.device == "processor" else live
        if used >= self.policy.adapters:
            raise ModelError(
                f"{self.base_url}: {version} would be adapter {used + 1} of {self.policy.adapters}:"
                " unload some; on a processor start another server, as no slot is ever freed"
            )


@contextmanager
def running_vllm(
    layout: Layout,
    base: ServedBase,
    *,
    policy: VllmPolicy | None = None,
    vet: Vet | None = None,
) -> Iterator[VllmServer]:
    """Serve a base on loopback for the time of the block.

    All its processes end with the block, and with this process however that ends.

    Args:
        layout: The workspace; log and copies of adapters lie in its scratch folder meanwhile.
        base: What is served.
        policy: Numbers.
        vet: Looks at a copy of each adapter before it is loaded.

    Raises:
        ModelError: vLLM is not installed, the model cannot be served, memory is too small, or it
            does not answer in time.
        BusyError: The port is taken.
    """
    rules = policy or VllmPolicy()
    place = installed(layout, "vllm").folder
    layout.scratch.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=layout.scratch, prefix=prefix_of("server")) as folder:
        server = _started(base, Path(folder), place, rules, vet)
        try:
            server.wait_until_ready()
            yield server
        finally:
            server.stop()


def _started(
    base: ServedBase, folder: Path, place: Path, policy: VllmPolicy, vet: Vet | None
) -> VllmServer:
    # It opens its port itself. Where another one takes it in between, it says so and ends.
    with listen_loopback(policy.port) as listening:
        port = int(listening.getsockname()[1])
    asking = Asking(port=port, log=folder / "server.log", token=secrets.token_urlsafe(32))
    held = hold(
        command(base, policy, place, port),
        log=asking.log,
        environment=environment(policy, place) | {"VLLM_API_KEY": asking.token},
        patience=policy.stop_s,
    )
    snapshots = Snapshots(
        folder=folder / "adapters", base=base.folder, base_name=base.name, vet=vet
    )
    return VllmServer(base=base, policy=policy, _asking=asking, _held=held, _snapshots=snapshots)
