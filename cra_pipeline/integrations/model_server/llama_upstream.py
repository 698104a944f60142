"""One llama-server process, with the adapters that it was started with.

It listens on a socket file in a folder that is closed to other users: it knows no names of models,
and answers whatever it does not understand with the base, so nobody but its owner may ask it.
"""

from __future__ import annotations

import asyncio
import contextlib
import tempfile
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp

from cra_pipeline.errors import ModelError
from cra_pipeline.integrations.leftovers import prefix_of
from cra_pipeline.integrations.model_server.asking import last_words
from cra_pipeline.integrations.model_server.decoding import Wanted
from cra_pipeline.integrations.model_server.held import Held, hold
from cra_pipeline.integrations.model_server.llama_policy import LlamaPolicy

_PAUSE_S = 0.05
_OK = 200


class NotTakenError(ModelError):
    """A request that no process ever saw: another one may be asked."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Files:
    """What a process is started with.

    Attributes:
        program: llama-server.
        base: In its own format.
        adapters: In its own format, by name; names are ours.
        window: Most tokens of prompt and answer together.
        log: What it says is added there.
    """

    program: Path
    base: Path
    adapters: Mapping[str, Path]
    window: int
    log: Path


class Upstream:
    """A running process; lives in one event loop."""

    def __init__(self, files: Files, policy: LlamaPolicy) -> None:
        """Nothing is started yet.

        Args:
            files: What it serves.
            policy: Numbers.
        """
        self._files, self._policy = files, policy
        self._numbers = {name: number for number, name in enumerate(files.adapters)}
        self._folder = tempfile.TemporaryDirectory(prefix=prefix_of("cra"))
        self._socket = Path(self._folder.name) / "llama.sock"
        self._session = aiohttp.ClientSession(
            base_url="http://llama",
            connector=aiohttp.UnixConnector(path=str(self._socket), limit=0),
            timeout=aiohttp.ClientTimeout(total=None),
        )
        self._held: Held | None = None
        self._broken = False
        self._under_way = 0
        self._idle = asyncio.Event()
        self._idle.set()

    @property
    def ended(self) -> bool:
        """Whether the process is no longer there, or broke off: its keeper learns it later."""
        return self._broken or self._held is None or self._held.ended

    @property
    def serves(self) -> frozenset[str]:
        """Adapters that it was started with."""
        return frozenset(self._numbers)

    async def start(self, seconds: float) -> None:
        """Start it, and wait until it answers.

        Raises:
            ModelError: It ended, or did not answer in time; the message has its last words.
        """
        self._held = await asyncio.to_thread(
            hold,
            _command(self._files, self._policy, self._socket),
            log=self._files.log,
            environment={},
            patience=self._policy.stop_s,
            folder=self._files.base.parent,
        )
        deadline = time.monotonic() + seconds
        while not await self._answers():
            if self.ended or time.monotonic() > deadline:
                how = self._held.ending
                await self.stop()
                raise ModelError(
                    f"{self._files.base}: llama-server {how} before it could serve: "
                    f"{last_words(self._files.log)}"
                )
            await asyncio.sleep(_PAUSE_S)

    async def ask(self, adapter: str | None, wanted: Wanted) -> dict[str, Any]:
        """Its answer; every adapter's share is told with every question.

        Raises:
            NotTakenError: The process was gone before.
            ModelError: There is none; the message has its last words where it died. Or it was
                started without that adapter.
        """
        if adapter is not None and adapter not in self._numbers:
            raise ModelError(f"{adapter}: llama-server was started without it; it is not the base")
        told = _body(wanted, self._policy) | self._shares(adapter)
        self._under_way += 1
        self._idle.clear()
        try:
            async with self._session.post("/completion", json=told) as response:
                found: dict[str, Any] = await response.json()
                status = response.status
        except aiohttp.ClientConnectorError as error:
            self._broken = True
            raise NotTakenError("llama-server is gone") from error
        except (aiohttp.ClientError, OSError) as error:
            self._broken = True
            raise ModelError(
                f"llama-server broke off ({error or type(error).__name__}): "
                f"{last_words(self._files.log)}"
            ) from error
        finally:
            self._under_way -= 1
            if not self._under_way:
                self._idle.set()
        if status != _OK:
            raise ModelError(f"llama-server refused with {status}: {found.get('error')}")
        return found

    async def drained(self, seconds: float) -> None:
        """Wait until nothing is under way, or so long."""
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._idle.wait(), seconds)

    async def stop(self) -> None:
        """End it; a second time nothing happens."""
        await self._session.close()
        if self._held is not None:
            await asyncio.to_thread(self._held.stop)
        self._folder.cleanup()

    def _shares(self, adapter: str | None) -> dict[str, Any]:
        # An empty list would mean the shares of the start.
        shares = [
            {"id": number, "scale": 1.0 if name == adapter else 0.0}
            for name, number in self._numbers.items()
        ]
        return {"lora": shares} if shares else {}

    async def _answers(self) -> bool:
        try:
            async with self._session.get("/health") as response:
                return response.status == _OK
        except (aiohttp.ClientError, OSError):
            return False


def _body(wanted: Wanted, policy: LlamaPolicy) -> dict[str, Any]:
    # Of one token at least, which is then its own; more than are wanted are left out again.
    shown = {} if wanted.shown is None else {"n_probs": max(1, wanted.shown)}
    return shown | {
        "prompt": list(wanted.prompt),
        "n_predict": wanted.most,
        "temperature": wanted.temperature,
        "seed": wanted.seed,
        "stop": list(wanted.stops),
        # Nothing but what was asked for: its defaults cut off unlikely tokens.
        "samplers": ["temperature"],
        "cache_prompt": policy.reuse_prompts,
        "return_tokens": True,
    }


def _command(files: Files, policy: LlamaPolicy, socket: Path) -> list[str]:
    exact = ["-ctk", "f32", "-ctv", "f32", "-fa", "off"] if policy.weights == "f32" else []
    # By paths without a folder, started in theirs: commas and colons part the list.
    listed = ",".join(f"{path.name}:0" for path in files.adapters.values())
    return [
        str(files.program), "-m", str(files.base), "--host", str(socket),
        *(["--lora-scaled", listed] if listed else []), *exact,
        "-c", str(files.window * policy.slots), "-np", str(policy.slots),
        "-t", str(policy.threads), "--no-ui", "--offline", "-fit", "off", "--no-slots",
        # Its cache of prompts in memory mixes up adapters.
        "--cache-ram", "0",
    ]  # fmt: skip
