"""What clients of OpenAI's protocol send and expect: ``POST /v1/chat/completions``, not streamed.

For clients other than the agent: the call is told from its system text as the agent's own are, and
answered, logged and limited alike. The name that a client asks for decides nothing.
"""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from pydantic_core import to_json

from cra_pipeline.contracts.calls import ModelAnswer
from cra_pipeline.integrations.gateway.protocol import Options, Question

CHAT_ROUTE = "/v1/chat/completions"

_MOST = 2**20
"""Tokens where a client names no number: the call kind's own cap is smaller."""

# A key that is not understood would change what is asked for, so it is refused.
_STRICT = ConfigDict(frozen=True, strict=True, extra="forbid")


class _Turn(BaseModel):
    model_config = _STRICT

    role: Literal["system", "user"]
    content: str


class _Chat(BaseModel):
    model_config = _STRICT

    model: str = Field(min_length=1)
    messages: tuple[_Turn, _Turn]
    temperature: float = Field(default=0.0, ge=0, allow_inf_nan=False)
    max_tokens: int | None = Field(default=None, ge=1)
    max_completion_tokens: int | None = Field(default=None, ge=1)
    stream: Literal[False] = False
    n: Literal[1] = 1


def parse_chat(body: bytes) -> Question:
    """Read a request's body.

    Raises:
        ValueError: Not JSON, not one system and one user message, or a key is unknown or of another
            type; the message names the key and never quotes the body.
    """
    try:
        chat = _Chat.model_validate_json(body)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False, include_context=False)[0]
        field = ".".join(str(part) for part in first["loc"]) or "(body)"
        raise ValueError(
            f"{field}: {first['msg']}; expected model, one system and one user message, and at "
            "most temperature, max_tokens and stream=false"
        ) from error
    system, user = chat.messages
    if (system.role, user.role) != ("system", "user"):
        raise ValueError("messages: expected one of the system, then one of the user")
    told = [most for most in (chat.max_tokens, chat.max_completion_tokens) if most is not None]
    return Question(
        model=chat.model,
        prompt=user.content,
        stream=False,
        options=Options(temperature=chat.temperature, num_predict=min(told, default=_MOST)),
        system=system.content,
    )


def chat_body(answer: ModelAnswer, asked_for: str) -> bytes:
    """The reply in OpenAI's shape; it names the model that answered, whatever was asked for.

    Args:
        answer: Without thinking in its text.
        asked_for: Of no account here.
    """
    del asked_for
    prompt, said = answer.prompt_tokens or 0, answer.completion_tokens or 0
    message = {"role": "assistant", "content": answer.text}
    return to_json(
        {
            "id": "chatcmpl-gateway",
            "object": "chat.completion",
            "created": 0,
            "model": answer.model,
            "choices": [{"index": 0, "message": message, "finish_reason": answer.finish}],
            "usage": {
                "prompt_tokens": prompt,
                "completion_tokens": said,
                "total_tokens": prompt + said,
            },
        }
    )


def chat_error(reason: str) -> bytes:
    """A refusal in OpenAI's shape."""
    return to_json({"error": {"message": reason, "type": "gateway_error", "code": None}})
