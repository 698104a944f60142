"""Answers scope calls by ranking the repository's files, with or without a model; no other kind."""

from __future__ import annotations

import asyncio
import os
from dataclasses import dataclass

from cra_pipeline.contracts.calls import ModelAnswer, ModelRequest
from cra_pipeline.contracts.ports import Responder
from cra_pipeline.errors import GitError, ModelError
from cra_pipeline.gold.prompts import asked_path, task_text
from cra_pipeline.integrations.ranking.shelves import Found, Shelves
from cra_pipeline.integrations.responders.closing import close
from cra_pipeline.integrations.responders.ingredients import Ingredients
from cra_pipeline.integrations.responders.margins import MarginServer
from cra_pipeline.ranking import messages
from cra_pipeline.ranking.fitted import FEATURES, FEATURES_AND_MARGIN
from cra_pipeline.ranking.prompts import SYSTEM

_SCOPE = "scope"


@dataclass(slots=True)
class RankedResponder:
    """Says yes to a file whose features, and a model's margin where one is served, speak for it.

    Files that are not ranked (tests, scaffolding, what is no Python) get a no from it, or the
    answer of ``otherwise``, which is also asked every other kind of call.

    Attributes:
        shelves: Whose files are asked about.
        server: Gives the margin; None to rank by features alone.
        otherwise: For the rest; None to refuse it.
    """

    shelves: Shelves
    server: MarginServer | None = None
    otherwise: Responder | None = None
    name: str = "ranked"

    @classmethod
    def build(cls, ingredients: Ingredients) -> RankedResponder:
        """From the shelves, and the endpoint where the model is to be asked as well.

        In a mixture, the mixture asks others for the rest.

        Raises:
            ValueError: There are no shelves, the responder for the rest is this one, or a model
                is to be asked and no server is named.
            ModelError: The model server may not be asked.
        """
        from cra_pipeline.integrations.responders.table import load_responder

        if ingredients.shelves is None:
            raise ValueError("ranked: needs the repository that the agent works on")
        if ingredients.otherwise == "ranked":
            raise ValueError("ranked: cannot be asked for what it has no answer to")
        if ingredients.rank_with_model and ingredients.endpoint is None:
            raise ValueError("ranked: needs the address of a server and a model to rank with one")
        asked = ingredients.endpoint if ingredients.rank_with_model else None
        alone = ingredients.otherwise and not ingredients.by_kind
        return cls(
            shelves=ingredients.shelves,
            server=MarginServer(asked, os.environ) if asked else None,
            otherwise=load_responder(ingredients.otherwise, ingredients) if alone else None,
        )

    async def answer(self, request: ModelRequest) -> ModelAnswer:
        """Yes or no to a scope call; the other responder's answer to the rest.

        Raises:
            ModelError: The prompt asks about no file, the repository or the server cannot be read,
                or it is another kind of call and nobody else is there to ask.
        """
        if request.call_kind != _SCOPE:
            return await self._others(request)
        found = await asyncio.to_thread(self._found, request)
        if found is None and self.otherwise is not None:
            return await self.otherwise.answer(request)
        said = "yes" if found is not None and await self._says_yes(found) else "no"
        model = self.name if self.server is None else self.server.endpoint.model_of(_SCOPE)
        return ModelAnswer(text=said, model=model, responder=self.name)

    async def close(self) -> None:
        """Close the connections, and the other responder."""
        if self.server is not None:
            await self.server.close()
        if self.otherwise is not None:
            await close(self.otherwise)

    async def _others(self, request: ModelRequest) -> ModelAnswer:
        if self.otherwise is None:
            raise ModelError(
                f"ranked: answers scope calls only, not {request.call_kind}: name another "
                "responder for the rest"
            )
        return await self.otherwise.answer(request)

    async def _says_yes(self, found: Found) -> bool:
        if self.server is None:
            return FEATURES.says_yes(found.signals.four)
        margin = await self.server.margin(SYSTEM, found.prompt)
        return FEATURES_AND_MARGIN.says_yes((*found.signals.four, margin))

    def _found(self, request: ModelRequest) -> Found | None:
        shelf = self.shelves.of(request.attempt)
        if shelf is None:
            raise ModelError(f"ranked: attempt {request.attempt!r} names no repository")
        try:
            task, path = task_text(request.prompt), asked_path(request.prompt)
            return shelf.find(messages.task_text(task), path)
        except ValueError as error:
            raise ModelError(f"ranked: no scope call: {error}") from error
        except GitError as error:
            raise ModelError(f"ranked: {error}") from error
