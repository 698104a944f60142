"""Batches of one adapter, and bounded waiting."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from cra_pipeline.serving.scheduling import AdapterQueue, BatchPolicy

ADAPTERS = st.sampled_from(["a", "b", "c", "d"])
# A letter: a request of that adapter comes; None: a place is free.
EVENTS = st.lists(st.one_of(ADAPTERS, st.none()), max_size=120)


def played(batch: int, events: list[str | None]) -> tuple[list[int], list[str], list[int]]:
    """Numbers in the order they went, adapter by number, and the most that may go before each."""
    queue: AdapterQueue[int] = AdapterQueue(BatchPolicy(batch=batch))
    adapters: list[str] = []
    bounds: list[int] = []
    went: list[int] = []
    for event in [*events, *[None] * len(events)]:
        if event is not None:
            bounds.append(len(went) + (len(queue) + 1) * batch)
            queue.add(event, len(adapters))
            adapters.append(event)
        elif (taken := queue.take()) is not None:
            went.append(taken)
    return went, adapters, bounds


@given(st.integers(1, 5), EVENTS)
def test_every_request_goes_once_and_its_own_adapters_in_order(
    batch: int, events: list[str | None]
) -> None:
    went, adapters, _ = played(batch, events)

    assert sorted(went) == list(range(len(adapters)))
    for name in set(adapters):
        own = [number for number in went if adapters[number] == name]
        assert own == sorted(own)


@given(st.integers(1, 5), EVENTS)
def test_nobody_waits_longer_than_the_batches_of_those_before(
    batch: int, events: list[str | None]
) -> None:
    went, _, bounds = played(batch, events)

    for place, number in enumerate(went):
        assert place <= bounds[number]


def test_one_adapter_goes_on_until_its_batch_is_full() -> None:
    queue: AdapterQueue[str] = AdapterQueue(BatchPolicy(batch=3))
    for name in ("a1", "b1", "a2", "a3", "a4", "b2"):
        queue.add(name[0], name)

    went = [queue.take() for _ in range(7)]

    assert went == ["a1", "a2", "a3", "b1", "b2", "a4", None]
    assert len(queue) == 0


def test_who_was_let_in_at_once_counts_into_the_batch() -> None:
    queue: AdapterQueue[str] = AdapterQueue(BatchPolicy(batch=2))
    queue.passed("a")
    queue.passed("a")
    queue.add("b", "b1")
    queue.add("a", "a3")

    assert queue.take() == "b1"
