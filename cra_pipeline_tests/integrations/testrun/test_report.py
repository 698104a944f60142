"""What a report says of a run hangs on the run, not on the machine's load."""

from __future__ import annotations

import pytest

from cra_pipeline.contracts.sandbox import Ending, SandboxResult
from cra_pipeline.integrations.testrun.report import OUT_OF_TIME, build_report
from cra_pipeline.integrations.testrun.sentinels import unplanted


@pytest.mark.parametrize(
    ("code", "detail", "stderr"),
    [
        (-9, "ran for 90 s, the wall-clock limit", ""),
        (-24, "used 15 s of processor time, the limit", "half a line"),
    ],
)
def test_a_hanging_run_is_told_in_fixed_words(code: int, detail: str, stderr: str) -> None:
    result = SandboxResult(
        ending=Ending.TIMED_OUT,
        exit_code=code,
        channel=b"",
        stdout="",
        stderr=stderr,
        wall_s=91.0,
        cpu_s=2.0,
        detail=detail,
    )
    report = build_report(result, b"nonce", unplanted(()), collect_only=False)

    assert report.detail == OUT_OF_TIME
