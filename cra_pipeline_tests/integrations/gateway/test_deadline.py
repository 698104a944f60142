"""A deadline ends its own work only."""

from __future__ import annotations

import asyncio
import contextlib
import time

import pytest

from cra_pipeline.integrations.gateway.deadline import Deadline


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
