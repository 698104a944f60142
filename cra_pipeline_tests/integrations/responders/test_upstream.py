"""One server as requests see it: which faults are its own, the request's, or the model's."""

from __future__ import annotations

import asyncio

import pytest

from cra_pipeline.errors import ModelError
from cra_pipeline.integrations.responders.upstream import (
    RefusedError,
    UnavailableError,
    Upstream,
    UpstreamPolicy,
)
from cra_pipeline_tests.integrations.responders.servers import (
    Handler,
    completion,
    model_server,
    request,
    says,
)

QUICK = UpstreamPolicy(wait_s=0.01, settle_s=0.3, recover_s=5.0)
GOOD = says(completion(model="scope-v1"))


def fault(status: int) -> Handler:
    return says({"error": {"message": "engine dead"}}, status=status)


@pytest.mark.parametrize("status", [500, 502, 504])
def test_a_server_that_answers_with_a_fault_as_it_dies_costs_no_request_its_answer(
    status: int,
) -> None:
    async def work() -> None:
        async with model_server(fault(status)) as dying, model_server(GOOD) as fresh:
            upstream = Upstream("tiny", QUICK)
            upstream.moved(dying.url)
            ends: list[asyncio.TimerHandle] = []

            def suspected() -> None:
                if ends:
                    return
                loop = asyncio.get_running_loop()
                # Its front lives on for a moment; then it is missed, and another one is started.
                ends.append(loop.call_later(0.1, upstream.down))
                ends.append(loop.call_later(0.2, upstream.moved, fresh.url))

            upstream.suspected = suspected
            try:
                asked = [upstream.ask(request(number=n), "scope-v1") for n in range(5)]
                heard = await asyncio.gather(*asked)
            finally:
                await upstream.close()
            assert [answer.text for answer in heard] == ["yes"] * 5

    asyncio.run(asyncio.wait_for(work(), 20))


def test_a_fault_after_which_every_server_dies_is_not_the_models() -> None:
    async def work() -> None:
        async with model_server(fault(500)) as server:
            upstream = Upstream("tiny", QUICK)
            upstream.moved(server.url)
            upstream.suspected = lambda: upstream.moved(server.url)
            try:
                with pytest.raises(UnavailableError, match="status 500"):
                    await upstream.ask(request(), "scope-v1")
            finally:
                await upstream.close()

    asyncio.run(asyncio.wait_for(work(), 20))


@pytest.mark.parametrize(
    ("status", "error"),
    [
        (500, ModelError),
        (400, RefusedError),
        (413, RefusedError),
        (422, RefusedError),
        (404, UnavailableError),
        (401, UnavailableError),
    ],
)
def test_whose_fault_a_status_is_shows_in_the_error(status: int, error: type[Exception]) -> None:
    async def work() -> type[Exception]:
        policy = UpstreamPolicy(wait_s=0.01, settle_s=0.02)
        async with model_server(fault(status)) as server:
            upstream = Upstream("tiny", policy)
            upstream.moved(server.url)
            try:
                with pytest.raises(ModelError, match=f"status {status}") as caught:
                    await upstream.ask(request(), "scope-v1")
            finally:
                await upstream.close()
            return caught.type

    assert asyncio.run(asyncio.wait_for(work(), 20)) is error
