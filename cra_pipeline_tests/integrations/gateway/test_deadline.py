"""A deadline ends its own work only."""

from __future__ import annotations

import asyncio

import pytest

from cra_pipeline.integrations.gateway.deadline import within


async def value(seconds: float) -> str:
    await asyncio.sleep(seconds)
    return "done"


def test_work_in_time_is_returned() -> None:
    assert asyncio.run(within(5, value(0))) == "done"


def test_work_that_is_late_is_cancelled_and_its_task_goes_on() -> None:
    async def work() -> str:
        with pytest.raises(TimeoutError):
            await within(0.01, value(60))
        return await value(0.01)

    assert asyncio.run(work()) == "done"


def test_the_cancellation_of_another_is_passed_on() -> None:
    async def work() -> None:
        task = asyncio.create_task(within(60, value(60)))
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
        return await within(0.01, value(60))

    async def work() -> None:
        with pytest.raises((asyncio.CancelledError, TimeoutError)):
            await asyncio.create_task(both())

    asyncio.run(work())


def test_an_error_of_the_work_is_its_own() -> None:
    async def work() -> str:
        raise KeyError("x")

    with pytest.raises(KeyError):
        asyncio.run(within(5, work()))
