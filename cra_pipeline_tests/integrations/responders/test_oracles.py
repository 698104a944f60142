"""An attempt's oracle is used by one thread at a time, and by its own attempt only."""

from __future__ import annotations

import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from cra_pipeline.integrations.responders.oracles import Oracles


class Counting:
    def __init__(self) -> None:
        self.inside = self.most = 0

    def answer(self, call_kind: str, prompt: str) -> str:
        self.inside += 1
        self.most = max(self.most, self.inside)
        time.sleep(0.005)
        self.inside -= 1
        return call_kind + prompt

    def observe(self, call_kind: str, prompt: str, response: str) -> None:
        self.answer(call_kind, prompt + response)


def test_one_oracle_serves_one_thread_at_a_time() -> None:
    oracles, oracle = Oracles(), Counting()
    oracles.add("a", oracle)
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda _: oracles.answer("a", "scope", ""), range(8)))
        list(pool.map(lambda _: oracles.observe("a", "scope", "", ""), range(8)))

    assert oracle.most == 1


def test_different_oracles_are_used_at_once() -> None:
    met = threading.Barrier(2, timeout=10)

    class Meeting(Counting):
        def answer(self, call_kind: str, prompt: str) -> str:
            met.wait()
            return call_kind + prompt

    oracles = Oracles()
    oracles.add("a", Meeting())
    oracles.add("b", Meeting())
    with ThreadPoolExecutor(2) as pool:
        answers = list(pool.map(lambda key: oracles.answer(key, "scope", key), "ab"))

    assert answers == ["scopea", "scopeb"]


def test_an_attempt_without_an_oracle_is_told() -> None:
    oracles = Oracles()
    oracles.add("a", Counting())
    oracles.remove("a")
    oracles.remove("a")
    oracles.observe("a", "scope", "", "")

    assert not oracles.knows("a")
    with pytest.raises(ValueError, match="'a' was opened without an oracle"):
        oracles.answer("a", "scope", "")
