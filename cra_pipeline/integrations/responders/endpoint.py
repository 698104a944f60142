"""A model server and the terms on which it is asked."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from cra_pipeline.errors import ModelError
from cra_pipeline.integrations.gateway.listening import is_loopback
from cra_pipeline.kinds import CALL_KINDS

SENT = frozenset({"model", "messages", "max_tokens", "temperature", "seed", "stream", "stop"})
"""Keys of a request's body that are ours to set."""

_VARIABLE = re.compile(r"[A-Z_][A-Z0-9_]{0,63}")

AIR_GAP_VARIABLE = "CRA_PIPELINE_AIR_GAP"


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoint:
    """An OpenAI-compatible server; holds no secret, only the name of the variable that does.

    Attributes:
        base_url: As such servers are named, such as ``http://127.0.0.1:8000/v1``.
        model: Asked for where ``models`` says nothing.
        models: Model by call kind: how an adapter is chosen.
        key_variable: Environment variable with the key; empty where the server wants none.
        stop: Texts that end an answer, beside the model's own end of turn.
        extra_body: Further keys of the request's body, such as those that turn thinking off; none
            of those that are sent anyway.
        own_model_only: Whether an answer that names another model than the one asked for is
            refused. Some servers answer for an unknown adapter with the base model.
        timeout_s: Seconds for one try.
        tries: Most tries for one answer, where the connection failed or the server was busy.
        wait_s: Seconds before the second try; doubled, with some chance, before each further one.
        concurrency: Most requests under way at once.
        requests_per_minute: Most tries begun in a minute, evenly spaced; 0 for any number.
        prompt_price: Of a million prompt tokens.
        completion_price: Of a million answered tokens, in the same money.
        spend_limit: Most that may be spent, in the same money; None for no limit.
    """

    base_url: str
    model: str
    models: Mapping[str, str] = field(default_factory=dict)
    key_variable: str = ""
    stop: tuple[str, ...] = ()
    extra_body: Mapping[str, object] = field(default_factory=dict)
    own_model_only: bool = False
    timeout_s: float = 120.0
    tries: int = 5
    wait_s: float = 0.5
    concurrency: int = 16
    requests_per_minute: float = 0.0
    prompt_price: float = 0.0
    completion_price: float = 0.0
    spend_limit: float | None = None

    def __post_init__(self) -> None:
        """Refuse what cannot be meant.

        Raises:
            ValueError: An address or number makes no sense, a call kind is unknown, or a limit
                has no price.
        """
        _require_address(self.base_url)
        if self.key_variable and not _VARIABLE.fullmatch(self.key_variable):
            # It may be the key itself: nothing repeats it.
            raise ValueError("key variable: no name of a variable; expected such as TEACHER_KEY")
        for kind in self.models:
            if kind not in CALL_KINDS:
                known = ", ".join(sorted(CALL_KINDS))
                raise ValueError(f"model of {kind!r}: no such call kind; expected one of {known}")
        if SENT & set(self.extra_body):
            raise ValueError(f"extra body: {', '.join(sorted(SENT & set(self.extra_body)))} is set")
        if not all((self.model, *self.models.values())):
            raise ValueError("the name of a model is empty")
        if min(self.tries, self.concurrency) < 1 or min(self.timeout_s, self.wait_s) <= 0:
            raise ValueError("tries, concurrency, timeout_s and wait_s are positive")
        if min(self.requests_per_minute, self.prompt_price, self.completion_price) < 0:
            raise ValueError("requests per minute and prices are not negative")
        if self.spend_limit is not None and not self.prompt_price + self.completion_price:
            raise ValueError("a spend limit needs prices: nothing is ever spent at price 0")

    @property
    def url(self) -> str:
        """Where completions are asked for."""
        parts = urlsplit(self.base_url)
        path = parts.path.rstrip("/") or "/v1"
        return f"{parts.scheme}://{parts.netloc}{path}/chat/completions"

    def model_of(self, call_kind: str) -> str:
        """The model that answers a call kind."""
        return self.models.get(call_kind, self.model)


def require_reachable(endpoint: Endpoint, environ: Mapping[str, str]) -> None:
    """Refuse a server elsewhere where this machine is to stay for itself.

    Raises:
        ModelError: The air gap is on, and the address is not a loopback address.
    """
    if environ.get(AIR_GAP_VARIABLE, "") in {"", "0"}:
        return
    host = urlsplit(endpoint.base_url).hostname or ""
    # Names but this one are not looked up: they may lead anywhere, today or tomorrow.
    if host != "localhost" and not is_loopback(host):
        raise ModelError(
            f"{endpoint.base_url}: not a loopback address, and {AIR_GAP_VARIABLE} is set: name a "
            "server on this machine, such as http://127.0.0.1:8000/v1"
        )


def read_key(endpoint: Endpoint, environ: Mapping[str, str]) -> str:
    """The key; empty where the server wants none.

    Raises:
        ModelError: The variable is not set, or holds what no key can be; the text of the key is
            in no message.
    """
    if not endpoint.key_variable:
        return ""
    key = environ.get(endpoint.key_variable, "").strip()
    if not key:
        raise ModelError(
            f"{endpoint.key_variable}: not set or empty; expected the key of {endpoint.base_url}: "
            "export it"
        )
    if not key.isascii() or not key.isprintable() or " " in key:
        raise ModelError(f"{endpoint.key_variable}: holds characters that no key has: set it anew")
    return key


def _require_address(base_url: str) -> None:
    parts = urlsplit(base_url)
    if "@" in parts.netloc:
        # The address is printed and logged, so the message does not repeat it.
        raise ValueError("base URL: holds a user or password; name a key's variable instead")
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise ValueError(f"base URL {base_url!r}: expected such as http://127.0.0.1:8000/v1")
    if parts.query or parts.fragment:
        raise ValueError(
            "base URL: holds a query or fragment; expected such as http://host:8000/v1"
        )
