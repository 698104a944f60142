"""OpenAI's chat completions: what is sent, and what comes back from servers of any making."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from cra_pipeline.contracts.calls import ModelAnswer, ModelRequest
from cra_pipeline.integrations.responders.endpoint import Endpoint

CHARACTERS_PER_TOKEN = 32
"""No tokenizer packs a whole answer as densely: more means that the server ignores the cap."""

# Foreign servers add keys of their own.
_FOREIGN = ConfigDict(frozen=True, strict=True, extra="ignore")


class _Message(BaseModel):
    model_config = _FOREIGN

    content: str | None = None
    reasoning_content: str | None = None
    reasoning: str | None = None
    refusal: str | None = None


class _Choice(BaseModel):
    model_config = _FOREIGN

    message: _Message
    finish_reason: str | None


class _Usage(BaseModel):
    model_config = _FOREIGN

    prompt_tokens: int | None = Field(default=None, ge=0)
    completion_tokens: int | None = Field(default=None, ge=0)


class _Body(BaseModel):
    model_config = _FOREIGN

    choices: tuple[_Choice, ...] = Field(min_length=1)
    usage: _Usage | None = None
    model: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Completion:
    """The usable part of a reply.

    Attributes:
        model: As the server names it; empty where it does not.
    """

    text: str
    thinking: str
    finish: Literal["stop", "length"]
    model: str
    prompt_tokens: int | None
    completion_tokens: int | None

    def answer(self, *, model: str, responder: str) -> ModelAnswer:
        """In the pipeline's words."""
        return ModelAnswer(
            text=self.text,
            thinking=self.thinking,
            prompt_tokens=self.prompt_tokens,
            completion_tokens=self.completion_tokens,
            model=model,
            finish=self.finish,
            responder=responder,
        )


def request_body(request: ModelRequest, endpoint: Endpoint) -> dict[str, object]:
    """What is asked for, the server's chat template over system and user text."""
    body: dict[str, object] = {
        "model": endpoint.model_of(request.call_kind),
        "messages": [
            {"role": "system", "content": request.system},
            {"role": "user", "content": request.prompt},
        ],
        "max_tokens": request.max_tokens,
        "temperature": request.temperature,
        "seed": request.seed,
        "stream": False,
    }
    if endpoint.stop:
        body["stop"] = list(endpoint.stop)
    return body | dict(endpoint.extra_body)


def parse_completion(body: bytes, max_tokens: int) -> Completion:
    """Read a reply; an answer far longer than was asked for is cut and counts as cut off.

    Raises:
        ValueError: Not JSON, no choices, no text, or an end that is no end of an answer.
    """
    reply = _parsed(body)
    choice = reply.choices[0]
    finish = choice.finish_reason
    if finish not in {"stop", "length"}:
        raise ValueError(f"finish_reason {finish!r}: expected 'stop' or 'length'")
    message, usage = choice.message, reply.usage or _Usage()
    if message.content is None and finish == "stop":
        raise ValueError(f"no text in the answer: {message.refusal or 'no refusal given'}")
    text = message.content or ""
    thinking = message.reasoning_content or message.reasoning or ""
    most = max_tokens * CHARACTERS_PER_TOKEN
    whole = finish == "stop" and len(text) <= most
    return Completion(
        text=text[:most],
        thinking=thinking[:most],
        finish="stop" if whole else "length",
        model=reply.model or "",
        prompt_tokens=usage.prompt_tokens,
        completion_tokens=usage.completion_tokens,
    )


def _parsed(body: bytes) -> _Body:
    try:
        return _Body.model_validate_json(body)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False, include_context=False)[0]
        field = ".".join(str(part) for part in first["loc"]) or "(body)"
        raise ValueError(f"no chat completion: {field}: {first['msg']}") from error
