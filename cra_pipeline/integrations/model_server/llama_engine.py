"""Names of adapters in front of a program that knows none: an ``Engine`` of llama-servers.

llama-server has the adapters of its start, and no others. So a new one is started beside the old
with one adapter more; when it answers it takes the requests over, and the old one ends with its
last answer. No request waits for that, none is dropped, and where the new one does not start the
old one stays. The base's weights are mapped from one file, and so lie in memory once.

Prompts are turned into tokens here, by the base's own tokenizer and template, and answers back.
"""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path
from typing import Any

from cra_pipeline.errors import ModelError
from cra_pipeline.integrations.chat.hugging_face import HuggingFaceChat
from cra_pipeline.integrations.model_server.decoding import Place, Said, Wanted
from cra_pipeline.integrations.model_server.gguf import adapter_gguf
from cra_pipeline.integrations.model_server.llama_policy import LlamaPolicy
from cra_pipeline.integrations.model_server.llama_upstream import Files, NotTakenError, Upstream
from cra_pipeline.integrations.model_server.protocol import (
    BAD_REQUEST,
    TAKEN,
    UNKNOWN_MODEL,
    RefusedError,
)


class LlamaEngine:
    """An ``Engine``; see the module."""

    def __init__(
        self, name: str, folder: Path, *, source: Path, files: Files, policy: LlamaPolicy
    ) -> None:
        """Nothing is started yet.

        Args:
            name: Under which the base answers.
            folder: Of the base's own files.
            source: Of llama.cpp, for its converters.
            files: Without adapters; converted adapters are written beside its base.
            policy: Numbers.

        Raises:
            StoreError: The base's tokenizer cannot be read.
        """
        self.name, self.window = name, files.window
        self.chat = HuggingFaceChat(folder)
        self._folder, self._source = folder, source
        self._files, self._policy = files, policy
        self._live: set[str] = set()
        self._converted = 0
        self._upstream = Upstream(files, policy)
        self._changing = asyncio.Lock()
        self._leaving: set[asyncio.Task[None]] = set()

    @property
    def names(self) -> tuple[str, ...]:
        """The base's first, then adapters, sorted."""
        return (self.name, *sorted(self._live))

    def require(self, name: str) -> None:
        """As ``Engine`` says.

        Raises:
            RefusedError: There is no such model.
        """
        if name not in self.names:
            raise RefusedError(
                UNKNOWN_MODEL, f"model {name!r} is not served; expected one of {self.names}"
            )

    async def start(self) -> None:
        """Serve the base.

        Raises:
            ModelError: The program does not start.
        """
        await self._upstream.start(self._policy.start_s)

    async def answer(self, name: str, wanted: Wanted) -> Said:
        """As ``Engine`` says; a program that died is started again before anything is asked.

        Raises:
            RefusedError: No such model is served.
            ModelError: There is no answer; the next request finds a new program.
        """
        self.require(name)
        adapter = None if name == self.name else name
        try:
            found = await (await self._living()).ask(adapter, wanted)
        except NotTakenError:
            found = await (await self._living()).ask(adapter, wanted)
        return self._said(found, wanted)

    async def load(self, name: str, folder: Path) -> None:
        """As ``Engine`` says.

        Raises:
            RefusedError: The name is the base's, or it cannot be converted.
            ModelError: No program starts with it; the old one goes on.
        """
        if name == self.name:
            raise RefusedError(TAKEN, f"{name} names the base here")
        async with self._changing:
            if name in self._live:
                return
            kept = {known: self._files.adapters[known] for known in sorted(self._live)}
            # Never a name again: the old program may still read what it was started with.
            self._converted += 1
            target = self._files.base.parent / f"{self._converted}.gguf"
            try:
                await asyncio.to_thread(adapter_gguf, self._source, self._folder, folder, target)
            except ModelError as error:
                raise RefusedError(BAD_REQUEST, str(error)) from error
            await self._exchange(replace(self._files, adapters=kept | {name: target}))
            self._live.add(name)

    async def unload(self, name: str) -> None:
        """As ``Engine`` says; its files leave memory with the next program.

        Raises:
            RefusedError: No such adapter is served.
        """
        async with self._changing:
            if name not in self._live:
                raise RefusedError(UNKNOWN_MODEL, f"adapter {name!r} is not served")
            self._live.remove(name)

    async def close(self) -> None:
        """End all programs."""
        for task in self._leaving:
            task.cancel()
        await self._upstream.stop()

    async def _living(self) -> Upstream:
        if self._upstream.ended:
            async with self._changing:
                if self._upstream.ended:
                    await self._exchange(self._files)
        return self._upstream

    async def _exchange(self, files: Files) -> None:
        fresh, old = Upstream(files, self._policy), self._upstream
        await fresh.start(self._policy.load_s)
        self._upstream, self._files = fresh, files
        task = asyncio.create_task(self._leave(old))
        self._leaving.add(task)
        task.add_done_callback(self._leaving.discard)

    async def _leave(self, old: Upstream) -> None:
        try:
            await old.drained(self._policy.drain_s)
        finally:
            await old.stop()

    def _said(self, found: dict[str, Any], wanted: Wanted) -> Said:
        ids = tuple(int(token) for token in found["tokens"])
        text = self.chat.plain_text(ids)
        at = min((text.find(stop) for stop in wanted.stops if stop in text), default=len(text))
        cut = found["stop_type"] == "limit"
        places = () if wanted.shown is None else _places(found, wanted.shown)
        return Said(text=text[:at], ids=ids, finish="length" if cut else "stop", places=places)


def _places(found: dict[str, Any], shown: int) -> tuple[Place, ...]:
    return tuple(
        Place(
            token=int(told["id"]),
            logprob=float(told["logprob"]),
            likeliest=tuple(
                (int(one["id"]), float(one["logprob"])) for one in told["top_logprobs"][:shown]
            ),
        )
        for told in found.get("completion_probabilities", ())
    )
