"""What clients of OpenAI's protocol send and expect: ``POST /v1/chat/completions``, not streamed.

For clients other than the agent: the call is told from its system text as the agent's own are, and
answered, logged and limited alike. The name that a client asks for decides nothing, so any name
may be used; ``GET /v1/models`` tells one to clients that want a list.
"""

from __future__ import annotations

import re
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from pydantic_core import to_json

from cra_pipeline.contracts.calls import ModelAnswer
from cra_pipeline.integrations.gateway.protocol import WARMEST, Options, Question
from cra_pipeline.kinds import ADAPTER_KINDS

CHAT_ROUTE, MODELS_ROUTE = "/v1/chat/completions", "/v1/models"

_MOST = 2**20
"""Tokens where a client names no number: the call kind's own cap is smaller."""

_VERSION = re.compile(f"(?:{'|'.join(ADAPTER_KINDS)})-v[0-9]+")

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
    temperature: float = Field(default=0.0, ge=0, le=WARMEST, allow_inf_nan=False)
    max_tokens: int | None = Field(default=None, ge=1)
    max_completion_tokens: int | None = Field(default=None, ge=1)
    stream: Literal[False] = False
    n: Literal[1] = 1
    # What many clients send along: it changes nothing, or only its neutral value is taken. A
    # service draws by the seed that it was started with.
    seed: int | None = None
    user: str | None = None
    stop: None = None
    top_p: float | None = Field(default=None, ge=1, le=1)
    presence_penalty: float | None = Field(default=None, ge=0, le=0)
    frequency_penalty: float | None = Field(default=None, ge=0, le=0)


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
            "most temperature, max_tokens, seed, user and the neutral values of other settings "
            "(stream=false, n=1, top_p=1, penalties of 0)"
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
    """The reply in OpenAI's shape; ``served_by`` says which model or version answered.

    Args:
        answer: Without thinking in its text.
        asked_for: Repeated as ``model``, for clients refuse the answer of another than they asked
            for. A version that is asked for by name and did not answer is not claimed to have.
    """
    claimed = answer.model if _VERSION.fullmatch(asked_for) else asked_for
    prompt, said = answer.prompt_tokens or 0, answer.completion_tokens or 0
    message = {"role": "assistant", "content": answer.text}
    return to_json(
        {
            "id": "chatcmpl-gateway",
            "object": "chat.completion",
            "created": 0,
            "model": claimed,
            "served_by": answer.model,
            "choices": [{"index": 0, "message": message, "finish_reason": answer.finish}],
            "usage": {
                "prompt_tokens": prompt,
                "completion_tokens": said,
                "total_tokens": prompt + said,
            },
        }
    )


def chat_error(reason: str, code: str = "") -> bytes:
    """A refusal in OpenAI's shape."""
    return to_json({"error": {"message": reason, "type": "gateway_error", "code": code or None}})


def models_body(name: str) -> bytes:
    """The list of models in OpenAI's shape: one name, by which everything may be asked."""
    model = {"id": name, "object": "model", "created": 0, "owned_by": "cra-pipeline"}
    return to_json({"object": "list", "data": [model]})
