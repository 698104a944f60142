"""A try that does not come to its end leaves the attempt's calls alone, and its own beside."""

from __future__ import annotations

from dataclasses import replace

import pytest

from cra_pipeline.contracts.ports import Sandbox
from cra_pipeline.contracts.sandbox import SandboxRequest, SandboxResult
from cra_pipeline.errors import SandboxError
from cra_pipeline.integrations.gateway.log import read_calls
from cra_pipeline.integrations.sandbox.bubblewrap import BubblewrapSandbox
from cra_pipeline_tests.integrations.clean_room.beds import PLAN, Bed
from cra_pipeline_tests.integrations.clean_room.test_stand_in import attempt


class Breaks(Sandbox):
    """Lets the agent work, and then is gone."""

    def run(self, request: SandboxRequest) -> SandboxResult:
        result = BubblewrapSandbox().run(request)
        if request.sockets:
            raise SandboxError("gone")
        return result


def test_a_broken_try_touches_no_calls_of_an_earlier_one(bed: Bed) -> None:
    spoiled = attempt(bed, "a1", {"implement": "refuse"})
    log = bed.supplies().calls("a1")
    before = log.read_bytes()
    with bed.agent() as agent, pytest.raises(SandboxError):
        replace(agent, sandbox=Breaks()).run(bed.task, PLAN, {}, "a1")
    (left,) = log.parent.glob("calls.*.part.jsonl")
    broken = read_calls(left).records

    assert log.read_bytes() == before
    assert len(broken) > len(spoiled.calls)

    done = bed.attempt("a1")

    assert read_calls(log).records == done.calls
    assert read_calls(left).records == broken
