"""Answers by call kind: one kind from a model, say, and gold for the rest."""

from __future__ import annotations

from collections.abc import Mapping

from cra_pipeline.contracts.calls import ModelAnswer, ModelRequest
from cra_pipeline.contracts.ports import Responder
from cra_pipeline.integrations.responders.closing import close
from cra_pipeline.integrations.responders.ingredients import Ingredients
from cra_pipeline.integrations.responders.table import load_responder
from cra_pipeline.kinds import CALL_KINDS


class Mixture:
    """Hands each call to the responder of its kind; the answer names that one."""

    name = "mixture"

    def __init__(self, by_kind: Mapping[str, Responder], otherwise: Responder) -> None:
        """Mix.

        Args:
            by_kind: Responder by call kind.
            otherwise: For every other kind.

        Raises:
            ValueError: A call kind is unknown.
        """
        for kind in by_kind:
            if kind not in CALL_KINDS:
                known = ", ".join(sorted(CALL_KINDS))
                raise ValueError(f"mixture: no call kind {kind!r}: expected some of {known}")
        self._by_kind = dict(by_kind)
        self._otherwise = otherwise

    @classmethod
    def build(cls, ingredients: Ingredients) -> Mixture:
        """From names; one responder for each name, however many kinds it answers.

        Raises:
            ValueError: A name or call kind is unknown, or a member is a mixture itself.
        """
        names = {*ingredients.by_kind.values(), ingredients.otherwise}
        if cls.name in names:
            raise ValueError("mixture: a member cannot be a mixture")
        members = {name: load_responder(name, ingredients) for name in sorted(names)}
        by_kind = {kind: members[name] for kind, name in ingredients.by_kind.items()}
        return cls(by_kind, members[ingredients.otherwise])

    async def answer(self, request: ModelRequest) -> ModelAnswer:
        """What the member says.

        Raises:
            ModelError: The member has no answer.
        """
        return await self.member(request.call_kind).answer(request)

    def member(self, call_kind: str) -> Responder:
        """Who is asked calls of a kind, known or not."""
        return self._by_kind.get(call_kind, self._otherwise)

    async def close(self) -> None:
        """Close every member once."""
        members = {id(member): member for member in (*self._by_kind.values(), self._otherwise)}
        for member in members.values():
            await close(member)


def asked(responder: Responder, call_kind: str) -> str:
    """Name of who is asked calls of a kind: a mixture's member, for it answers nothing itself.

    What fails has no answer that would name it.
    """
    return responder.member(call_kind).name if isinstance(responder, Mixture) else responder.name
