"""A deadline ends its own work only."""

from __future__ import annotations

import asyncio
import contextlib
import time

import pytest

from cra_pipeline.integrations.gateway.deadline import Deadline
from cra_pipeline.integrations.responders.queueing import queued


async def value(seconds: float) -> str:
    await asyncio.sleep(seconds)
    return "done"


def test_work_in_time_is_returned() -> None:
    assert asyncio.run(Deadline(5).within(value(0))) == "done"


def test_work_that_is_late_is_cancelled_and_its_task_goes_on() -> None:
    async def work() -> str:
        with pytest.raises(TimeoutError):
            await Deadline(0.01).within(value(60))
        return await value(0.01)

    assert asyncio.run(work()) == "done"


def test_the_cancellation_of_another_is_passed_on() -> None:
    async def work() -> None:
        task = asyncio.create_task(Deadline(60).within(value(60)))
        await asyncio.sleep(0.01)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(work())


def test_a_cancellation_at_the_same_moment_wins() -> None:
    async def both() -> str:
        task = asyncio.current_task()
        assert task is not None
        asyncio.get_running_loop().call_later(0.01, task.cancel)
        return await Deadline(0.01).within(value(60))

    async def work() -> None:
        with pytest.raises((asyncio.CancelledError, TimeoutError)):
            await asyncio.create_task(both())

    asyncio.run(work())


def test_an_error_of_the_work_is_its_own() -> None:
    async def work() -> str:
        raise KeyError("x")

    with pytest.raises(KeyError):
        asyncio.run(Deadline(5).within(work()))


async def waits_first(in_queue: float, then: float) -> str:
    with queued():
        await asyncio.sleep(in_queue)
    return await value(then)


def test_time_in_our_own_queue_is_not_counted() -> None:
    assert asyncio.run(Deadline(0.15).within(waits_first(0.4, 0.01))) == "done"


def test_after_the_queue_the_work_has_its_whole_time_and_no_more() -> None:
    async def work() -> float:
        began = time.monotonic()
        with pytest.raises(TimeoutError, match=r"^in 0\.2 s$"):
            await Deadline(0.2).within(waits_first(0.3, 60))
        return time.monotonic() - began

    assert 0.49 < asyncio.run(work()) < 2


@pytest.mark.parametrize(("in_queue", "then"), [(60, 0), (0.25, 60)])
def test_queue_and_work_together_have_a_limit_that_tells_of_the_queue(
    in_queue: float, then: float
) -> None:
    async def work() -> None:
        await Deadline(0.2, 0.3).within(waits_first(in_queue, then))

    with pytest.raises(TimeoutError, match=r"in 0\.3 s, 0\.\d+ s of them in our own queue"):
        asyncio.run(work())


def test_each_call_has_its_own_time() -> None:
    async def work() -> list[float]:
        deadline, ends = Deadline(0.3), []

        async def call(after: float, lasts: float) -> None:
            await asyncio.sleep(after)
            began = time.monotonic()
            with contextlib.suppress(TimeoutError):
                await deadline.within(value(lasts))
            ends.append(time.monotonic() - began)

        await asyncio.gather(call(0, 60), call(0.1, 60), call(0.15, 0.01), call(0.5, 60))
        return sorted(ends)

    quick, *late = asyncio.run(work())

    assert quick < 0.2
    assert len(late) == 3
    assert all(0.29 < took < 0.45 for took in late)
