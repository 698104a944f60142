"""Trees are built one at a time, whoever asks."""

from __future__ import annotations

import ast
import gc
import inspect
import threading
from collections.abc import Callable, Iterator
from typing import Literal

import pytest

from cra_pipeline.syntax import parse_python

Phase = Literal["start", "stop"]
Collected = Callable[[Phase, dict[str, int]], object]


@pytest.fixture
def eager_collection() -> Iterator[list[Collected]]:
    """Garbage collection at nearly every allocation, and who is told of it."""
    before = gc.get_threshold()
    gc.set_threshold(1)
    yield gc.callbacks
    gc.set_threshold(*before)


def test_no_thread_builds_a_tree_in_the_midst_of_another(
    eager_collection: list[Collected],
) -> None:
    other = threading.Thread(target=parse_python, args=("x = 1",))
    waited: list[bool] = []

    def switch(phase: Phase, _: dict[str, int]) -> None:
        # Only while the first tree is under construction: who allocates stands one frame up.
        frame = inspect.currentframe()
        asking = None if frame is None or frame.f_back is None else frame.f_back.f_code
        if phase == "start" and not waited and asking is ast.parse.__code__:
            waited.append(True)
            other.start()
            other.join(0.2)
            waited.append(other.is_alive())

    eager_collection.append(switch)
    parse_python("x = [" + "f(1), " * 500 + "]")
    eager_collection.remove(switch)
    other.join()

    assert waited == [True, True]


def test_what_is_no_python_is_told_and_the_next_text_is_read() -> None:
    with pytest.raises(SyntaxError):
        parse_python("x = (")

    assert len(parse_python("x = 1").body) == 1
