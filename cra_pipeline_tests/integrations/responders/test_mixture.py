"""A mixture hands each kind to its own responder."""

from __future__ import annotations

import asyncio

import pytest

from cra_pipeline.errors import ModelError
from cra_pipeline.integrations.responders.endpoint import Endpoint
from cra_pipeline.integrations.responders.ingredients import Ingredients
from cra_pipeline.integrations.responders.mixture import Mixture, asked
from cra_pipeline_tests.integrations.gateway.clients import Scripted, refusing
from cra_pipeline_tests.integrations.responders.servers import request


class Named(Scripted):
    def __init__(self, name: str) -> None:
        super().__init__(lambda _: name)
        self.name = name
        self.closed = 0

    async def close(self) -> None:
        self.closed += 1


def test_each_kind_has_its_responder_and_the_answer_names_it() -> None:
    student, gold = Named("student"), Named("gold")
    mixture = Mixture({"implement": student, "test_implement": student}, gold)
    kinds = ("scope", "implement", "test_implement", "meta_plan")
    answers = [asyncio.run(mixture.answer(request(call_kind=kind))) for kind in kinds]

    assert [answer.responder for answer in answers] == ["gold", "student", "student", "gold"]


def test_a_members_error_is_the_mixtures() -> None:
    mixture = Mixture({"scope": Scripted(refusing)}, Named("gold"))

    with pytest.raises(ModelError, match="server down"):
        asyncio.run(mixture.answer(request()))


def test_who_is_asked_is_the_member_and_never_the_mixture() -> None:
    mixture = Mixture({"implement": Named("student")}, Named("gold"))

    assert [asked(mixture, kind) for kind in ("implement", "scope")] == ["student", "gold"]
    assert asked(Named("alone"), "scope") == "alone"


def test_every_member_is_closed_once() -> None:
    student, gold = Named("student"), Named("gold")
    asyncio.run(Mixture({"implement": student, "scope": student, "similarity": gold}, gold).close())

    assert (student.closed, gold.closed) == (1, 1)


@pytest.mark.parametrize(
    ("by_kind", "otherwise", "reason"),
    [
        ({"scoop": "openai"}, "gold", "no call kind 'scoop'"),
        ({"scope": "golden"}, "gold", "no responder 'golden'"),
        ({"scope": "mixture"}, "gold", "cannot be a mixture"),
        ({"scope": "openai"}, "mixture", "cannot be a mixture"),
    ],
)
def test_a_mixture_that_cannot_be_is_refused(
    by_kind: dict[str, str], otherwise: str, reason: str
) -> None:
    endpoint = Endpoint(base_url="http://127.0.0.1:1/v1", model="m")

    with pytest.raises(ValueError, match=reason):
        Mixture.build(Ingredients(endpoint=endpoint, by_kind=by_kind, otherwise=otherwise))
