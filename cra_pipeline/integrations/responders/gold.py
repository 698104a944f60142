"""Answers as the commit would have it: each attempt's own oracle speaks."""

from __future__ import annotations

import asyncio

from cra_pipeline.contracts.calls import ModelAnswer, ModelRequest
from cra_pipeline.errors import ModelError
from cra_pipeline.integrations.responders.ingredients import Ingredients
from cra_pipeline.integrations.responders.oracles import Oracles


class GoldResponder:
    """Nobody's model: the right answers themselves."""

    name = "gold"

    def __init__(self, oracles: Oracles) -> None:
        self._oracles = oracles

    @classmethod
    def build(cls, ingredients: Ingredients) -> GoldResponder:
        """From the gateway's oracles."""
        return cls(ingredients.oracles)

    async def answer(self, request: ModelRequest) -> ModelAnswer:
        """The right answer.

        Raises:
            ModelError: The commit knows none, or the attempt has no oracle.
        """
        try:
            text = await asyncio.to_thread(
                self._oracles.answer, request.attempt, request.call_kind, request.prompt
            )
        except ValueError as error:
            raise ModelError(
                f"the commit knows no answer to {request.call_kind}: {error}"
            ) from error
        return ModelAnswer(text=text, model=self.name, responder=self.name)
