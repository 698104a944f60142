"""What answers cost, and the limits on it: money and requests in time."""

from __future__ import annotations

import asyncio
import time
from fractions import Fraction

from cra_pipeline.contracts.campaigns import SPEND_LIMIT_REACHED
from cra_pipeline.errors import ModelError

_MILLION = 1_000_000


class Budget:
    """Never lets the limit be passed, however many requests are under way.

    The most that a request can cost is set aside before it is sent, and put right after it.
    """

    def __init__(
        self, *, prompt_price: float, completion_price: float, limit: float | None
    ) -> None:
        """Begin with nothing spent.

        Args:
            prompt_price: Of a million prompt tokens.
            completion_price: Of a million answered tokens.
            limit: Most that may be spent; None for no limit.
        """
        # Exact, so that a thousand small sums do not drift past the limit.
        self._prompt = Fraction(str(prompt_price)) / _MILLION
        self._completion = Fraction(str(completion_price)) / _MILLION
        self._limit = None if limit is None else Fraction(str(limit))
        self.spent = Fraction(0)
        self._held = Fraction(0)

    def price(self, prompt_tokens: int, completion_tokens: int) -> Fraction:
        """What so many tokens cost."""
        return prompt_tokens * self._prompt + completion_tokens * self._completion

    def hold(self, prompt_tokens: int, completion_tokens: int) -> Fraction:
        """Set aside the most that a request can cost.

        Returns:
            The sum, for ``settle``.

        Raises:
            ModelError: The limit would be passed.
        """
        most = self.price(prompt_tokens, completion_tokens)
        if self._limit is not None and self.spent + self._held + most > self._limit:
            raise ModelError(
                f"{SPEND_LIMIT_REACHED}: {float(self.spent):.4f} spent and "
                f"{float(self._held):.4f} set aside for requests under way, the next may cost "
                f"{float(most):.4f}, the limit is {float(self._limit):.4f}: raise it to go on"
            )
        self._held += most
        return most

    def settle(self, held: Fraction, cost: Fraction) -> None:
        """Put a request right: what was set aside for it, and what it really cost."""
        self._held -= held
        self.spent += cost


class Pace:
    """Spaces the beginnings of requests evenly."""

    def __init__(self, requests_per_minute: float) -> None:
        """Begin at once.

        Args:
            requests_per_minute: 0 for any number.
        """
        self._gap_s = 60 / requests_per_minute if requests_per_minute else 0.0
        self._next = 0.0

    async def turn(self) -> None:
        """Wait for the next free moment."""
        now = time.monotonic()
        moment = max(now, self._next)
        self._next = moment + self._gap_s
        if moment > now:
            await asyncio.sleep(moment - now)
