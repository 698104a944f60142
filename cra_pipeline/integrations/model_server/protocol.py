"""OpenAI's completions as this server takes and gives them: shapes and refusals, no model.

What would change an answer and is not supported is refused, never passed over. Keys that change
none, such as a user's name, are.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from cra_pipeline.integrations.model_server.decoding import Place, Said

_FOREIGN = ConfigDict(frozen=True, strict=True, extra="ignore")

TOO_LONG = "context_length_exceeded"
"""OpenAI's code of a request that is larger than the window."""

BAD_REQUEST, UNKNOWN_MODEL, TAKEN, BUSY, FAILED = 400, 404, 409, 503, 500

_NEUTRAL: Mapping[str, tuple[object, ...]] = {
    "n": (1,),
    "best_of": (1,),
    "stream": (False,),
    "echo": (False,),
    "top_p": (1,),
    "top_k": (-1, 0),
    "min_p": (0,),
    "presence_penalty": (0,),
    "frequency_penalty": (0,),
    "repetition_penalty": (1,),
    "logprobs": (False, 0),
    "logit_bias": ({},),
    "tools": ([],),
    "response_format": ({"type": "text"},),
    "chat_template_kwargs": ({}, {"enable_thinking": False}),
}
"""Keys that are not supported, and the values with which they ask for nothing; null is one."""


class RefusedError(Exception):
    """A request that gets no answer; ``status`` is HTTP's, ``code`` OpenAI's where it has one."""

    def __init__(self, status: int, reason: str, *, code: str = "") -> None:
        super().__init__(reason)
        self.status = status
        self.code = code


class Message(BaseModel):
    """One turn of a conversation."""

    model_config = _FOREIGN

    role: Literal["system", "user", "assistant"]
    content: str


class Asked(BaseModel):
    """What both kinds of request say."""

    model_config = _FOREIGN

    model: str
    """Name of the base or of an adapter."""
    max_tokens: int | None = Field(default=None, ge=1)
    max_completion_tokens: int | None = Field(default=None, ge=1)
    """The younger name of the same; the smaller one counts."""
    temperature: float = Field(default=1.0, ge=0.0, le=2.0)
    """0 for the likeliest token, always; 1 where nothing is said, as in OpenAI's own."""
    seed: int = 0
    """Of the draws; equal requests get equal answers, also where none is named."""
    stop: str | list[str] | None = None

    @property
    def most(self) -> int | None:
        """Most tokens of the answer; None for all that the window leaves."""
        told = [most for most in (self.max_tokens, self.max_completion_tokens) if most is not None]
        return min(told) if told else None

    @property
    def stops(self) -> tuple[str, ...]:
        """Texts that end the answer and are no part of it."""
        listed = [self.stop] if isinstance(self.stop, str) else self.stop or []
        return tuple(text for text in listed if text)

    @property
    def shown(self) -> int | None:
        """Likeliest tokens to tell at each place; None where no log-probabilities are wanted."""
        return None


class ChatAsked(Asked):
    """Body of ``/v1/chat/completions``."""

    messages: list[Message] = Field(min_length=1)
    logprobs: bool | None = None
    """Whether each token's log-probability is told."""
    top_logprobs: int | None = Field(default=None, ge=0, le=20)
    """How many of the likeliest tokens are told with it; wants ``logprobs``."""

    @property
    def shown(self) -> int | None:
        """Likeliest tokens to tell at each place; None where no log-probabilities are wanted.

        Raises:
            RefusedError: Their number is told, but not that they are wanted.
        """
        if self.top_logprobs and not self.logprobs:
            raise RefusedError(BAD_REQUEST, "top_logprobs: wants logprobs to be true")
        return (self.top_logprobs or 0) if self.logprobs else None


class TextAsked(Asked):
    """Body of ``/v1/completions``; a list holds token ids."""

    prompt: str | list[int] = Field(min_length=1)


class TokensAsked(BaseModel):
    """Body of ``/tokenize``: a conversation, or a text as it stands."""

    model_config = _FOREIGN

    model: str
    messages: list[Message] | None = None
    prompt: str | None = None


class LoadAsked(BaseModel):
    """Body of ``/v1/load_lora_adapter``."""

    model_config = _FOREIGN

    lora_name: str = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$")
    lora_path: str


class UnloadAsked(BaseModel):
    """Body of ``/v1/unload_lora_adapter``."""

    model_config = _FOREIGN

    lora_name: str


B = TypeVar("B", bound=BaseModel)


def parsed(body: bytes, shape: type[B]) -> B:
    """A request's body.

    Raises:
        RefusedError: It is no JSON, of another shape, or asks for what is not supported.
    """
    try:
        found = shape.model_validate_json(body)
        asked = _Any.model_validate_json(body).model_extra or {}
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False, include_context=False)[0]
        field = ".".join(str(part) for part in first["loc"]) or "(body)"
        raise RefusedError(BAD_REQUEST, f"{field}: {first['msg']}") from error
    for key, neutral in _NEUTRAL.items():
        value = None if key in shape.model_fields else asked.get(key)
        if value is not None and value not in neutral:
            raise RefusedError(BAD_REQUEST, f"{key}: {value!r} is not supported: leave it out")
    return found


class _Any(BaseModel):
    model_config = ConfigDict(extra="allow")


def error_body(status: int, reason: str, code: str = "") -> dict[str, object]:
    """A refusal as OpenAI words it; the status stands for a code where there is none."""
    kind = "server_error" if status >= FAILED else "invalid_request_error"
    return {"error": {"message": reason, "type": kind, "param": None, "code": code or status}}


def completion_body(  # noqa: PLR0913  # what a reply is made of
    number: int,
    model: str,
    form: Literal["chat", "text"],
    answer: Said,
    prompt_tokens: int,
    *,
    word: Callable[[tuple[int, ...]], str],
) -> dict[str, object]:
    """An answer as OpenAI words it; it bears no time, so that equal requests get equal answers.

    Args:
        number: Of the answer, within this server.
        model: The name that was asked for, and answered.
        form: Of the request.
        answer: What was said.
        prompt_tokens: That were read for it.
        word: Text of tokens, special ones included.
    """
    said: dict[str, object] = (
        {"message": {"role": "assistant", "content": answer.text}}
        if form == "chat"
        else {"text": answer.text}
    )
    return {
        "id": f"{'chatcmpl' if form == 'chat' else 'cmpl'}-{number}",
        "object": "chat.completion" if form == "chat" else "text_completion",
        "created": 0,
        "model": model,
        "choices": [
            {
                "index": 0,
                **said,
                "logprobs": _logprobs(answer.places, word),
                "finish_reason": answer.finish,
            }
        ],
        "usage": {
            "prompt_tokens": prompt_tokens,
            "completion_tokens": len(answer.ids),
            "total_tokens": prompt_tokens + len(answer.ids),
        },
    }


def _logprobs(
    places: Sequence[Place], word: Callable[[tuple[int, ...]], str]
) -> dict[str, object] | None:
    """As chat completions word them; the token that ended the answer has a place too."""
    if not places:
        return None

    def told(token: int, logprob: float) -> dict[str, object]:
        text = word((token,))
        # A token that is part of a character has no text of its own.
        whole = None if "\ufffd" in text else list(text.encode())
        return {"token": text, "logprob": logprob, "bytes": whole}

    return {
        "content": [
            {
                **told(place.token, place.logprob),
                "top_logprobs": [told(*one) for one in place.likeliest],
            }
            for place in places
        ]
    }
