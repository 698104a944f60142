"""Who answers a call."""

from __future__ import annotations

import pytest

from cra_pipeline.contracts.serving import Route, Routes
from cra_pipeline.serving.canary import chosen, draw
from cra_pipeline_tests.integrations.responders.servers import request

OLD = Route(instance="base", model="scope-v1", version="scope-v1")
NEW = Route(instance="base", model="scope-v2", version="scope-v2")


def routes(share: float) -> Routes:
    return Routes(by_kind={"scope": OLD}, canaries={"scope": (NEW, share)})


@pytest.mark.parametrize("share", [0.1, 0.5])
def test_a_canary_gets_its_share_and_the_same_calls_every_time(share: float) -> None:
    asked = [request(prompt=f"File: {number}.py", number=number) for number in range(4000)]

    went = [chosen(routes(share), one) for one in asked]

    assert went == [chosen(routes(share), one) for one in asked]
    assert abs(went.count(NEW) / len(went) - share) < 0.03


def test_a_larger_share_takes_no_call_back() -> None:
    asked = [request(prompt=f"File: {number}.py") for number in range(500)]
    few = {one.prompt for one in asked if chosen(routes(0.1), one) == NEW}
    many = {one.prompt for one in asked if chosen(routes(0.4), one) == NEW}

    assert few < many


def test_attempt_and_number_do_not_decide_but_words_and_seed_do() -> None:
    first = request()

    assert draw(first) == draw(request(attempt="a9", number=8))
    assert draw(first) != draw(request(seed=8))
    assert draw(request(system="ab", prompt="c")) != draw(request(system="a", prompt="bc"))


def test_nobody_answers_without_a_route() -> None:
    refused = Routes(refused={"scope": "scope-v1 is in service, but could not be served"})
    with pytest.raises(ValueError, match="could not be served"):
        chosen(refused, request())
    with pytest.raises(ValueError, match="nobody serves"):
        chosen(Routes(), request())
