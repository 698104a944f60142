"""How long something took is told nowhere in an ending: a second run has to end in equal words."""

from __future__ import annotations

import pytest

from cra_pipeline.integrations.clean_room.endings import judged_ending
from cra_pipeline_tests.integrations.clean_room.test_endings import ENDINGS


@pytest.mark.parametrize("how", sorted(ENDINGS))
def test_an_ending_does_not_hang_on_how_long_anything_took(how: str) -> None:
    ended, calls, *_ = ENDINGS[how]
    slow = [call.model_copy(update={"latency_ms": 987_654}) for call in calls]
    sandbox = ended.sandbox.model_copy(update={"wall_s": 1234.5, "cpu_s": 678.9})
    later = type(ended)(
        ending=ended.ending,
        exit_code=ended.exit_code,
        output=ended.output,
        changed=ended.changed,
        deleted=ended.deleted,
        databases=ended.databases,
        sandbox=sandbox,
    )

    assert judged_ending(later, slow) == judged_ending(ended, calls)
