"""One answer, token by token: the prompt is read once, then each token costs one step.

The tokens are those of ``generate`` of transformers, without its set-up, which costs more than the
one or two tokens of a yes/no answer.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from cra_pipeline.errors import ModelError

_BYTES_PER_CHARACTER = 4
_SLACK = 4
"""Tokens before a stop text of which it may share a character."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What is asked of a model.

    Attributes:
        prompt: Token ids; never empty.
        most: Most tokens of the answer.
        temperature: 0 for the likeliest token.
        seed: Of the draws.
        stops: Texts that end the answer.
        shown: Likeliest tokens whose log-probabilities are told for each token of the answer,
            beside its own; None where none are wanted.
    """

    prompt: tuple[int, ...]
    most: int
    temperature: float = 0.0
    seed: int = 0
    stops: tuple[str, ...] = ()
    shown: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """How likely the tokens at one place of an answer were, whatever the temperature.

    Attributes:
        token: That was taken.
        logprob: Of it; natural.
        likeliest: Tokens and their log-probabilities, the likeliest first.
    """

    token: int
    logprob: float
    likeliest: tuple[tuple[int, float], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """An answer.

    Attributes:
        text: Without the token or text that ended it.
        ids: Every token, the ending one included.
        finish: ``length`` where it was cut off.
        places: One for each of ``ids``; none where they were not wanted.
    """

    text: str
    ids: tuple[int, ...]
    finish: Literal["stop", "length"]
    places: tuple[Place, ...] = ()


class LeftError(Exception):
    """Nobody waits for the answer any more."""


def said(
    model: Any,  # noqa: ANN401  # a causal language model of transformers, which has no types
    wanted: Wanted,
    *,
    ends: frozenset[int],
    decode: Callable[[Sequence[int]], str],
    left: Callable[[], bool],
) -> Said:
    """Let a model answer.

    Args:
        model: With its adapter switched on or off.
        wanted: What is asked.
        ends: Tokens that end an answer.
        decode: Text of tokens, special ones left out.
        left: Asked before each token: whether nobody waits any more.

    Raises:
        LeftError: Nobody does.
        ModelError: The model's figures are not finite.
    """
    import torch
    from transformers import DynamicCache

    pick = _picker(wanted.temperature, wanted.seed)
    ids: list[int] = []
    places: list[Place] = []

    def ended(text: str, finish: Literal["stop", "length"]) -> Said:
        return Said(text=text, ids=tuple(ids), finish=finish, places=tuple(places))

    with torch.inference_mode():
        cache = DynamicCache(config=model.config)
        fresh = torch.tensor([wanted.prompt], device=model.device)
        while len(ids) < wanted.most:
            if left():
                raise LeftError
            logits = model(
                input_ids=fresh, past_key_values=cache, use_cache=True, logits_to_keep=1
            ).logits[0, -1]
            token = pick(logits)
            ids.append(token)
            if wanted.shown is not None:
                places.append(_place(logits, token, wanted.shown))
            if token in ends:
                return ended(decode(ids[:-1]), "stop")
            if (at := _stopped(ids, wanted.stops, decode)) is not None:
                return ended(decode(ids)[:at], "stop")
            fresh = torch.tensor([[token]], device=model.device)
    return ended(decode(ids), "length")


def _place(logits: Any, token: int, shown: int) -> Place:  # noqa: ANN401  # a tensor
    import torch

    # In double precision: sums over a whole vocabulary lose digits in single.
    told = torch.log_softmax(logits.double().cpu(), dim=-1)
    values, tokens = told.topk(min(shown, len(told)))
    likeliest = tuple(zip(tokens.tolist(), values.tolist(), strict=True))
    return Place(token=token, logprob=float(told[token]), likeliest=likeliest)


def _picker(temperature: float, seed: int) -> Callable[[Any], int]:
    import torch

    # On the processor: a draw is the same whichever device holds the model.
    draws = torch.Generator().manual_seed(seed)

    def pick(logits: Any) -> int:  # noqa: ANN401  # a tensor
        if not bool(torch.isfinite(logits).all()):
            raise ModelError("the model's figures are not finite: its weights are damaged")
        if not temperature:
            return int(logits.argmax())
        shares = torch.softmax(logits.float().cpu() / temperature, dim=-1)
        return int(torch.multinomial(shares, 1, generator=draws))

    return pick


def _stopped(
    ids: Sequence[int], stops: Sequence[str], decode: Callable[[Sequence[int]], str]
) -> int | None:
    """Where in the whole text the first stop text begins; None while there is none."""
    if not stops:
        return None
    longest = max(len(text) for text in stops)
    # A token is at least one byte, so a stop text lies within so many of the last ones.
    tail = decode(ids[-(longest * _BYTES_PER_CHARACTER + _SLACK) :])
    if not any(text in tail for text in stops):
        return None
    whole = decode(ids)
    found = [at for text in stops if (at := whole.find(text)) >= 0]
    return min(found) if found else None
