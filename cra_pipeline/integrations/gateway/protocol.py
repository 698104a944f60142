"""What the agent sends and expects: Ollama's ``POST /api/generate``, not streamed."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from pydantic_core import to_json

from cra_pipeline.contracts.calls import ModelAnswer

ROUTE = "/api/generate"

WARMEST = 2.0
"""Highest temperature: servers of OpenAI's protocol refuse more."""

_OPEN, _CLOSE = "<think>", "</think>"

# A key that is not understood would change what is asked for, so it is refused.
_STRICT = ConfigDict(frozen=True, strict=True, extra="forbid")


class Options(BaseModel):
    """Sampling wishes; the agent sends exactly these."""

    model_config = _STRICT

    temperature: float = Field(ge=0, le=WARMEST, allow_inf_nan=False)
    num_predict: int = Field(ge=1)


class Question(BaseModel):
    """Body of one request; the agent sends exactly these keys."""

    model_config = _STRICT

    model: str = Field(min_length=1)
    prompt: str
    stream: Literal[False]
    options: Options
    system: str


def parse_question(body: bytes) -> Question:
    """Read a request's body.

    Raises:
        ValueError: Not UTF-8, not JSON, not an object, or a key is missing, unknown or of another
            type; the message names the key and never quotes the body.
    """
    try:
        return Question.model_validate_json(body)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False, include_context=False)[0]
        field = ".".join(str(part) for part in first["loc"]) or "(body)"
        raise ValueError(
            f"{field}: {first['msg']}; expected the keys model, prompt, system, stream=false and "
            "options with temperature and num_predict"
        ) from error


def split_thinking(text: str) -> tuple[str, str]:
    """Part an answer from its thinking.

    The block from the first ``<think>`` to the last ``</think>`` is thinking; one that is not
    closed reaches to the end. The answer holds no ``<think>`` any more, so that the agent, which
    does the same, finds nothing to take away: it keeps exactly the answer that is logged.

    Returns:
        Answer and thinking; the answer is untouched where there was no block, else stripped.
    """
    found: list[str] = []
    while (start := text.find(_OPEN)) >= 0:
        inner = start + len(_OPEN)
        end = text.rfind(_CLOSE)
        if end < inner:
            found.append(text[inner:].strip())
            text = text[:start].strip()
        else:
            found.append(text[inner:end].strip())
            text = (text[:start] + text[end + len(_CLOSE) :]).strip()
    return text, "\n".join(part for part in found if part)


def without_thinking(answer: ModelAnswer) -> ModelAnswer:
    """The answer with all its thinking in ``thinking``."""
    if _OPEN not in answer.text:
        return answer
    text, found = split_thinking(answer.text)
    thinking = "\n".join(part for part in (answer.thinking, found) if part)
    return answer.model_copy(update={"text": text, "thinking": thinking})


def answer_body(answer: ModelAnswer, asked_for: str) -> bytes:
    """The reply in Ollama's shape; counts that are not known are left out.

    Args:
        answer: Without thinking in its text.
        asked_for: The tag that the agent sent; Ollama repeats it.
    """
    reply: dict[str, object] = {
        "model": asked_for,
        "created_at": datetime.now(UTC).isoformat(),
        "response": answer.text,
        "done": True,
        "done_reason": answer.finish,
    }
    if answer.thinking:
        reply["thinking"] = answer.thinking
    if answer.prompt_tokens is not None:
        reply["prompt_eval_count"] = answer.prompt_tokens
    if answer.completion_tokens is not None:
        reply["eval_count"] = answer.completion_tokens
    return to_json(reply)


def error_body(reason: str, code: str = "") -> bytes:
    """A refusal in Ollama's shape, which has no codes."""
    del code
    return to_json({"error": reason})
