"""Stand-alone script for the agent's own interpreter: ``provider = "openai_compat"`` works.

``python -P openai_compat.py ARGUMENTS`` is ``cra ARGUMENTS``, in one process, with a client beside
the agent's own that speaks to OpenAI-compatible servers directly. It needs the standard library and
what the agent itself needs; nothing of this project. Where the configuration says ``ollama``, the
agent gets its own client, untouched.

``CRA_PIPELINE_ROUTES`` says which server and model answer a call kind: a JSON object, or the path
of a file that holds one. It is read again for each of the agent's stages, so that a file may be
replaced meanwhile::

    {"base_url": "http://127.0.0.1:8000/v1", "model": "qwen3-4b",
     "kinds": {"scope": {"model": "scope-v3"}, "implement": {"base_url": "...", "model": "..."}}}

What it leaves out comes from ``[models]`` of the agent's own configuration. Further keys:
``key_variable`` names the environment variable with the servers' key, ``stop`` lists texts that
end an answer, ``extra_body`` holds further keys of each request, ``seed`` is sent with each, and
``trust_env`` lets proxies and certificates of the environment count.
"""

from __future__ import annotations

import functools
import importlib
import ipaddress
import json
import os
import re
import runpy
import sys
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Self
from urllib.parse import urlsplit

import httpx

PROVIDER = "openai_compat"
ROUTES_VARIABLE = "CRA_PIPELINE_ROUTES"
AIR_GAP_VARIABLE = "CRA_PIPELINE_AIR_GAP"

_SENT = {"model", "messages", "max_tokens", "temperature", "seed", "stream", "stop"}
_VARIABLE = re.compile(r"[A-Z_][A-Z0-9_]{0,63}")
_TIMEOUT_S = 300.0
"""As the agent's own; here for the whole answer too, however slowly it drips."""
_IDLE_S = 2.0
"""A server that drops idle connections would cut off a request that is sent just then."""
_LONGEST_BODY = 4 * 2**20
_CHARACTERS_PER_TOKEN = 32
"""No tokenizer packs a whole answer as densely: more means that the server ignores the cap."""
_QUOTED, _OK = 200, 200

_BINARY, _LIST, _PLAN, _EDITS, _TEXT = 16, 512, 2048, 4096, 256
_RETRIEVAL, _PROMPTS = "clean_room_agent.retrieval.", "clean_room_agent.execute.prompts"
_PLANS = "meta_plan part_plan test_plan adjustment change_point_enum part_grouping"

KINDS: dict[str, tuple[str, int]] = {
    "task_analysis": (f"{_RETRIEVAL}task_analysis:TASK_ANALYSIS_SYSTEM", _TEXT),
    "stage_routing": (f"{_RETRIEVAL}routing:ROUTING_BINARY_SYSTEM", _BINARY),
    "scope": (f"{_RETRIEVAL}scope_stage:SCOPE_BINARY_SYSTEM", _BINARY),
    "precision_pass1": (f"{_RETRIEVAL}precision_stage:PRECISION_PASS1_SYSTEM", _BINARY),
    "precision_pass2": (f"{_RETRIEVAL}precision_stage:PRECISION_PASS2_SYSTEM", _BINARY),
    "precision_pass3": (f"{_RETRIEVAL}precision_stage:PRECISION_PASS3_SYSTEM", _BINARY),
    "similarity": (f"{_RETRIEVAL}similarity_stage:SIMILARITY_BINARY_SYSTEM", _BINARY),
    "assembly_refilter": (f"{_RETRIEVAL}context_assembly:REFILTER_SYSTEM", _LIST),
    "enrichment": ("clean_room_agent.llm.enrichment:ENRICHMENT_SYSTEM", _LIST),
    **{
        name: (f"{_PROMPTS}:SYSTEM_PROMPTS[{name}]", cap)
        for names, cap in (
            (f"{_PLANS} symbol_targeting step_design", _PLAN),
            ("implement test_implement documentation", _EDITS),
            ("part_grouping_binary part_dependency step_dependency", _BINARY),
        )
        for name in names.split()
    },
}
"""By call kind: where the agent holds its system prompt, and most tokens of an answer."""


class RoutesError(RuntimeError):
    """The routes cannot be used; the agent, too, raises ``RuntimeError`` for its settings."""


class NoAnswerError(httpx.HTTPError):
    """What came cannot be used; of the one type that the agent's callers expect of a transport."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Routes:
    """Which server and model answer, and on what terms; keys as in the module's docstring."""

    base_url: str = ""
    model: str = ""
    kinds: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    key_variable: str = ""
    stop: list[str] = field(default_factory=list)
    extra_body: Mapping[str, object] = field(default_factory=dict)
    seed: int = 0
    trust_env: bool = False

    def of(self, kind: str, config: Any) -> tuple[str, str]:  # noqa: ANN401  # a ModelConfig
        """Base URL and model of who answers a call kind."""
        own = self.kinds.get(kind, {})
        base_url = own.get("base_url") or self.base_url or config.base_url
        return base_url, own.get("model") or self.model or config.model


def read_routes(environ: Mapping[str, str]) -> Routes:
    """The routes that the environment names; none where the agent's settings say everything.

    Raises:
        RoutesError: They cannot be read, or say what is not understood; no value is repeated.
    """
    told = environ.get(ROUTES_VARIABLE, "").strip()
    try:
        if told and not told.startswith("{"):
            told = Path(told).read_text("utf-8")
        read = json.loads(told or "{}")
    except (OSError, ValueError) as error:
        raise RoutesError(
            f"{ROUTES_VARIABLE}: no JSON object and no file of one ({type(error).__name__})"
        ) from error
    _require_shape(read)
    routes = Routes(**read)
    if routes.key_variable and not _VARIABLE.fullmatch(routes.key_variable):
        # It may be the key itself: nothing repeats it.
        raise RoutesError("key_variable: no name of a variable; expected such as SERVER_KEY")
    if taken := sorted(_SENT & set(routes.extra_body)):
        raise RoutesError(f"extra_body: {', '.join(taken)}: set by the client itself")
    return routes


def _require_shape(read: object) -> None:
    types = {name: type(value) for name, value in asdict(Routes()).items()}
    if not isinstance(read, dict):
        raise RoutesError(f"{ROUTES_VARIABLE}: expected a JSON object")
    for key, value in read.items():
        if key not in types or type(value) is not types[key]:
            # A key of a server that stands here by mistake is not printed.
            known = ", ".join(f"{name} ({kind.__name__})" for name, kind in types.items())
            raise RoutesError(f"{ROUTES_VARIABLE}: {key}: expected {known}")
    for kind, route in read.get("kinds", {}).items():
        if kind not in KINDS:
            raise RoutesError(f"kinds: {kind!r} is no call kind; expected some of {sorted(KINDS)}")
        texts = isinstance(route, dict) and all(isinstance(text, str) for text in route.values())
        if not texts or not route or set(route) - {"base_url", "model"}:
            raise RoutesError(f"kinds: {kind}: expected an object with base_url, model or both")


def completions_url(base_url: str, environ: Mapping[str, str]) -> str:
    """Where a server is asked for completions.

    Raises:
        RoutesError: It is no address, holds more than one, or leads out of an air gap.
    """
    parts = urlsplit(base_url)
    odd = "@" in parts.netloc or parts.query or parts.fragment or not parts.hostname
    if odd or parts.scheme not in {"http", "https"}:
        # It may hold a password: nothing repeats it.
        raise RoutesError("base_url: expected one such as http://127.0.0.1:8000/v1")
    if is_air_gapped(environ) and not _is_here(parts.hostname or ""):
        raise RoutesError(
            f"{base_url}: not a loopback address, and {AIR_GAP_VARIABLE} is set: name a server on "
            "this machine, such as http://127.0.0.1:8000/v1"
        )
    return f"{parts.scheme}://{parts.netloc}{parts.path.rstrip('/') or '/v1'}/chat/completions"


def is_air_gapped(environ: Mapping[str, str]) -> bool:
    """Whether this machine stays for itself."""
    return environ.get(AIR_GAP_VARIABLE, "") not in {"", "0"}


def _is_here(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        # Other names are not looked up: they may lead anywhere, today or tomorrow.
        return host == "localhost"


def read_key(variable: str, environ: Mapping[str, str]) -> str:
    """The servers' key; empty where they want none.

    Raises:
        RoutesError: The variable is not set, or holds what no key can be; no message repeats it.
    """
    key = environ.get(variable, "").strip() if variable else ""
    if variable and (not key or not key.isascii() or not key.isprintable() or " " in key):
        raise RoutesError(f"{variable}: not set, empty, or with characters that no key has")
    return key


@functools.cache
def kinds_by_system() -> dict[str, str]:
    """Call kind by the exact text of its system prompt, as the agent holds it."""
    found = {}
    for kind, (source, _) in KINDS.items():
        module, _, name = source.partition(":")
        attribute, _, key = name.removesuffix("]").partition("[")
        value = getattr(importlib.import_module(module), attribute)
        found[value[key] if key else value] = kind
    return found


@functools.cache
def shared_http(trust_env: bool) -> httpx.Client:  # noqa: FBT001  # cached by it
    """One client for the process: a new one for each stage would load the certificates anew."""
    return httpx.Client(
        timeout=_TIMEOUT_S,
        limits=httpx.Limits(keepalive_expiry=_IDLE_S),
        trust_env=trust_env,
        # Followed, a redirect could lead out of an air gap and take the key along.
        follow_redirects=False,
    )


class OpenAICompatClient:
    """In place of the agent's ``LLMClient``; fails at once, without another try, as that does."""

    def __init__(self, config: Any, environ: Mapping[str, str]) -> None:  # noqa: ANN401  # ModelConfig
        """Nothing is sent yet.

        Args:
            config: The agent's, for the role or stage.
            environ: Names routes and key, and says whether this machine stays for itself.

        Raises:
            RoutesError: The routes or the key cannot be used.
        """
        self.config = config
        self._environ = environ
        self._routes = read_routes(environ)
        self._key = read_key(self._routes.key_variable, environ)
        # Through a proxy even a loopback address would lead elsewhere.
        self._http = shared_http(self._routes.trust_env and not is_air_gapped(environ))
        self._agent = importlib.import_module("clean_room_agent.llm.client")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def close(self) -> None:
        """Nothing is closed: connections outlive a stage, and end with the process."""

    def complete(self, prompt: str, system: str | None = None) -> Any:  # noqa: ANN401  # LLMResponse
        """The model's answer, in the agent's own form.

        Raises:
            ValueError: The prompt is larger than the agent's own gate lets through.
            HTTPError: There is no answer, or none that can be used.
        """
        room = self._room(prompt, system or "")
        kind = kinds_by_system().get(system or "")
        if kind is None:
            raise NoAnswerError("the system prompt is that of no call kind that is served")
        most = min(KINDS[kind][1], room)
        base_url, model = self._routes.of(kind, self.config)
        url = completions_url(base_url, self._environ)
        start = time.monotonic()
        told = self._post(url, self._body(model, system or "", prompt, most), start)
        elapsed_ms = int((time.monotonic() - start) * 1000)
        text, thinking, counts = self._said(url, told, model, most * _CHARACTERS_PER_TOKEN)
        return self._agent.LLMResponse(text, thinking or None, *counts, elapsed_ms)

    def _room(self, prompt: str, system: str) -> int:
        """Tokens that the window leaves for the answer, by the agent's own estimate and gate."""
        config, agent = self.config, self._agent
        tokens = (len(prompt) + len(system)) // agent.CHARS_PER_TOKEN_CONSERVATIVE
        available = config.context_window - config.max_tokens
        if tokens > available:
            raise ValueError(
                f"the prompt has about {tokens} tokens, and context_window - max_tokens leaves "
                f"{available}: batch or filter what goes into it"
            )
        left: int = config.context_window - tokens - agent.OUTPUT_MARGIN_TOKENS
        return max(1, left)

    def _body(self, model: str, system: str, prompt: str, most: int) -> bytes:
        body: dict[str, object] = {
            "model": model,
            "messages": [
                {"role": "system", "content": system},
                {"role": "user", "content": prompt},
            ],
            "max_tokens": most,
            "temperature": self.config.temperature,
            "seed": self._routes.seed,
            "stream": False,
        }
        if self._routes.stop:
            body["stop"] = self._routes.stop
        return json.dumps(body | dict(self._routes.extra_body)).encode()

    def _post(self, url: str, body: bytes, start: float) -> bytes:
        headers = {"Content-Type": "application/json"}
        if self._key:
            headers["Authorization"] = f"Bearer {self._key}"
        told = bytearray()
        with self._http.stream("POST", url, content=body, headers=headers) as response:
            for chunk in response.iter_bytes():
                told += chunk
                if len(told) > _LONGEST_BODY:
                    raise NoAnswerError(f"{url}: answer longer than {_LONGEST_BODY} bytes")
                if time.monotonic() - start > _TIMEOUT_S:
                    raise NoAnswerError(f"{url}: no whole answer in {_TIMEOUT_S:g} s")
        if response.status_code != _OK:
            raise httpx.HTTPStatusError(
                f"{url}: status {response.status_code}: {self._quoted(bytes(told))}",
                request=response.request,
                response=response,
            )
        return bytes(told)

    def _said(
        self, url: str, told: bytes, model: str, longest: int
    ) -> tuple[str, str, tuple[int | None, int | None]]:
        """Answer, thinking, and the counts of tokens where the server tells them."""
        try:
            body = json.loads(told)
            message, finish = body["choices"][0]["message"], body["choices"][0]["finish_reason"]
            usage, answered = body.get("usage") or {}, self._clean(str(body.get("model")))
            text, refusal = message.get("content"), message.get("refusal")
            apart = message.get("reasoning_content") or message.get("reasoning") or ""
            told_counts = (usage.get("prompt_tokens"), usage.get("completion_tokens"))
        except (ValueError, LookupError, TypeError, AttributeError, RecursionError):
            raise NoAnswerError(
                f"{url}: status 200, but no chat completion; it sent: {self._quoted(told)}"
            ) from None
        wordless = not isinstance(text or "", str) or (text is None and finish == "stop")
        if wordless or finish not in {"stop", "length"}:
            reason = f"finish_reason {finish!r}, refusal {self._clean(str(refusal))[:_QUOTED]}"
            raise NoAnswerError(f"{url}: no text that ends with 'stop' or 'length': {reason}")
        if answered != model:
            raise NoAnswerError(
                f"{url}: asked for model {model}, but {answered[:_QUOTED]} answered: load that "
                "model or adapter on the server"
            )
        text, inner = self._parted(self._clean(text or "")[:longest])
        thinking = "\n".join(part for part in (self._clean(str(apart))[:longest], inner) if part)
        counts = [count if type(count) is int else None for count in told_counts]
        return text, thinking, (counts[0], counts[1])

    def _parted(self, text: str) -> tuple[str, str]:
        """Answer and thinking, by the agent's own rule, until no thinking is left in the answer."""
        found = []
        while "<think>" in text:
            text, thinking = self._agent.strip_thinking(text)
            found.append(thinking or "")
        return text, "\n".join(part for part in found if part)

    def _quoted(self, told: bytes) -> str:
        text = " ".join(self._clean(told.decode(errors="replace")).split())
        return repr(text[:_QUOTED])

    def _clean(self, text: str) -> str:
        """Without the key, which some servers repeat."""
        return text.replace(self._key, "[key]") if self._key else text


def install(environ: Mapping[str, str]) -> None:
    """Put the client in place for this process, beside the agent's own.

    Raises:
        RoutesError: The agent is another one than this was made for.
    """
    agent = importlib.import_module("clean_room_agent.llm.client")
    needed = "LLMResponse strip_thinking CHARS_PER_TOKEN_CONSERVATIVE OUTPUT_MARGIN_TOKENS"
    if lost := [name for name in needed.split() if not hasattr(agent, name)]:
        raise RoutesError(f"clean_room_agent.llm.client holds no {', '.join(lost)}")
    own: Any = agent.LLMClient

    class ChosenClient(own):  # type: ignore[misc]  # known at run time alone
        """The agent's name for its client: an instance is either its own or ours."""

        def __new__(cls, config: Any) -> Any:  # noqa: ANN401  # the agent's ModelConfig
            if config.provider == PROVIDER:
                return OpenAICompatClient(config, environ)
            return own(config)

    # Looked up there by name for each stage.
    agent.LLMClient = ChosenClient  # type: ignore[attr-defined]  # that is what this is for


def main() -> None:
    """Be the agent."""
    here = str(Path(__file__).resolve().parent)
    # Neighbours of this file are no modules of the agent's.
    sys.path[:] = [place for place in sys.path if str(Path(place or ".").resolve()) != here]
    install(os.environ)
    sys.argv[0] = "cra"
    runpy.run_module("clean_room_agent", run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    main()
