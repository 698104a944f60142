"""Answers by whatever version is in service for a call's kind, and by nothing else."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass

from cra_pipeline.contracts.calls import ModelAnswer, ModelRequest
from cra_pipeline.contracts.serving import Route, Routes
from cra_pipeline.errors import ModelError
from cra_pipeline.integrations.responders.ingredients import Ingredients
from cra_pipeline.integrations.responders.lane import Lane, WindowError
from cra_pipeline.integrations.responders.shadows import Shadows
from cra_pipeline.integrations.responders.upstream import RefusedError, UnavailableError
from cra_pipeline.kinds import CALL_KINDS, read_verdict

Choose = Callable[[Routes, ModelRequest], Route]
"""The route of a request; raises ``ValueError`` where nobody answers its kind."""

Told = Callable[[str, str], None]
"""Told of every answer of a version: its name, and what was wrong; empty where nothing was."""


@dataclass(slots=True, kw_only=True)
class Service:
    """What a responder needs to serve.

    Attributes:
        routes: At first.
        lanes: By name of the server; may grow and shrink.
        choose: Decides between a version and its canary; else the version answers.
        told: Hears how versions do.
        shadows: Asks versions beside those in service; None for nobody.
    """

    routes: Routes
    lanes: Mapping[str, Lane]
    choose: Choose | None = None
    told: Told | None = None
    shadows: Shadows | None = None


class ServedResponder:
    """Routes each call by its kind; lives in one event loop.

    The routes are replaced as a whole. A request that has begun keeps the route with which it
    began: ``drained`` tells when nobody is under way to a model any more.
    """

    name = "served"

    def __init__(self, service: Service) -> None:
        """Nothing is asked before the first question."""
        self._service = service
        self._routes = service.routes
        self._choose = service.choose or plain
        self._under_way: Counter[tuple[str, str]] = Counter()
        self._empty: dict[tuple[str, str], asyncio.Event] = {}

    @classmethod
    def build(cls, ingredients: Ingredients) -> ServedResponder:
        """From a service that stands.

        Raises:
            ValueError: There is none.
        """
        if ingredients.service is None:
            raise ValueError(
                "served: needs servers of the versions in service, which `cra-pipeline serve` "
                "starts: name its address with the responder openai"
            )
        return cls(ingredients.service)

    @property
    def routes(self) -> Routes:
        """Those of requests that begin now."""
        return self._routes

    def replace(self, routes: Routes) -> None:
        """Have requests that begin from now on take other routes, all at once."""
        self._routes = routes

    async def answer(self, request: ModelRequest) -> ModelAnswer:
        """The answer of the version in service, or of the base where there is none.

        Raises:
            ModelError: Nobody serves the kind, the request does not fit, or no answer came.
        """
        routes = self._routes
        try:
            route = self._choose(routes, request)
        except ValueError as error:
            raise ModelError(str(error)) from error
        with self._going(route):
            answer = await self._asked(route, request)
        shadow = routes.shadows.get(request.call_kind)
        if shadow is not None and self._service.shadows is not None:
            self._service.shadows.add(shadow, request, answer)
        return answer

    async def drained(self, instance: str, model: str) -> None:
        """Wait until no request is under way to a model; routes that lead there are gone before."""
        key = (instance, model)
        while self._under_way[key]:
            await self._empty.setdefault(key, asyncio.Event()).wait()

    async def close(self) -> None:
        """Let go of shadows and connections."""
        if self._service.shadows is not None:
            await self._service.shadows.close()
        for lane in tuple(self._service.lanes.values()):
            await lane.upstream.close()

    async def _asked(self, route: Route, request: ModelRequest) -> ModelAnswer:
        lane = self._service.lanes.get(route.instance)
        if lane is None:
            raise ModelError(f"{route.model}: its server {route.instance} is not running")
        try:
            answer = await lane.ask(request, route.model)
        except (UnavailableError, RefusedError, WindowError):
            raise
        except ModelError as error:
            self._tell(route, str(error))
            raise
        if _as_the_agent_asks(request):
            self._tell(route, _unreadable(request.call_kind, answer))
        return answer

    def _tell(self, route: Route, failure: str) -> None:
        if route.version and self._service.told is not None:
            self._service.told(route.version, failure)

    @contextmanager
    def _going(self, route: Route) -> Iterator[None]:
        key = (route.instance, route.model)
        self._under_way[key] += 1
        try:
            yield
        finally:
            self._under_way[key] -= 1
            if not self._under_way[key]:
                del self._under_way[key]
                if key in self._empty:
                    self._empty.pop(key).set()


def plain(routes: Routes, request: ModelRequest) -> Route:
    """The version in service, always.

    Raises:
        ValueError: Nobody answers calls of its kind.
    """
    kind = request.call_kind
    if kind not in routes.by_kind:
        raise ValueError(routes.refused.get(kind, f"{kind}: nobody serves calls of this kind"))
    return routes.by_kind[kind]


def _as_the_agent_asks(request: ModelRequest) -> bool:
    """Whether an answer tells of the version, and not of a client's own settings.

    The agent asks at temperature 0 unless it is told otherwise, and for more tokens than the cap.
    """
    kind = CALL_KINDS[request.call_kind]
    if kind.form != "binary":
        return True
    return request.temperature == 0 and request.max_tokens >= kind.cap


def _unreadable(call_kind: str, answer: ModelAnswer) -> str:
    if CALL_KINDS[call_kind].form != "binary" or read_verdict(answer.text) is not None:
        return ""
    return f"{call_kind}: the agent reads neither yes nor no in the answer"
