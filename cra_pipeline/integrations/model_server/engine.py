"""Whatever answers behind ``app``: a model in this process, or a program that it looks after."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Protocol, TypeVar

from cra_pipeline.integrations.chat.hugging_face import HuggingFaceChat
from cra_pipeline.integrations.model_server.decoding import Said, Wanted
from cra_pipeline.integrations.model_server.model import LoadedModel

T = TypeVar("T")


class Engine(Protocol):
    """A base and adapters by name; lives in one event loop."""

    @property
    def name(self) -> str:
        """Of the base."""
        ...

    @property
    def window(self) -> int:
        """Most tokens of prompt and answer together."""
        ...

    @property
    def chat(self) -> HuggingFaceChat:
        """Turns requests into tokens, as the training rows were."""
        ...

    @property
    def names(self) -> tuple[str, ...]:
        """The base's first, then adapters, sorted."""
        ...

    def require(self, name: str) -> None:
        """Refuse a name that nobody answers to.

        Raises:
            RefusedError: There is no such model; the base answers under its own name alone.
        """
        ...

    async def answer(self, name: str, wanted: Wanted) -> Said:
        """What the base or an adapter says; cancelled where the client left.

        Raises:
            RefusedError: No such model is served.
            ModelError: There is no answer.
        """
        ...

    async def load(self, name: str, folder: Path) -> None:
        """Serve an adapter; loading the same one again changes nothing.

        Raises:
            RefusedError: The name is taken, or the files hold no adapter of this base.
            ModelError: It cannot be served.
        """
        ...

    async def unload(self, name: str) -> None:
        """Serve an adapter no longer; its name stays its own.

        Raises:
            RefusedError: No such adapter is served.
        """
        ...

    async def close(self) -> None:
        """Let go of everything; nobody waits for an answer any more."""
        ...


class OneThread:
    """An ``Engine`` whose model works in a thread of its own, in the order of the requests.

    Requests wait there; one whose client has left costs nothing more.
    """

    def __init__(self, model: LoadedModel) -> None:
        """Nothing is asked yet.

        Args:
            model: Used by that thread alone from now on.
        """
        self._model = model
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="model")

    @property
    def name(self) -> str:
        """Of the base."""
        return self._model.name

    @property
    def window(self) -> int:
        """Of the model."""
        return self._model.window

    @property
    def chat(self) -> HuggingFaceChat:
        """Of the model."""
        return self._model.chat

    @property
    def names(self) -> tuple[str, ...]:
        """Of the model."""
        return self._model.names

    def require(self, name: str) -> None:
        """As ``Engine`` says.

        Raises:
            RefusedError: There is no such model.
        """
        self._model.require(name)

    async def answer(self, name: str, wanted: Wanted) -> Said:
        """As ``Engine`` says."""
        gone = threading.Event()
        try:
            return await self._worked(partial(self._model.answer, name, wanted, gone.is_set))
        except asyncio.CancelledError:
            gone.set()
            raise

    async def load(self, name: str, folder: Path) -> None:
        """As ``Engine`` says."""
        await self._worked(partial(self._model.load, name, folder))

    async def unload(self, name: str) -> None:
        """As ``Engine`` says; requests under way stand before it in the thread."""
        await self._worked(partial(self._model.unload, name))

    async def close(self) -> None:
        """End the thread after what it is at."""
        self._thread.shutdown(wait=False, cancel_futures=True)

    async def _worked(self, work: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._thread, work)
