"""Layers of a run go with it, and those of killed processes with the next."""

from __future__ import annotations

from pathlib import Path

import pytest

from cra_pipeline.contracts.packages import EnvironmentRow
from cra_pipeline.contracts.sandbox import Ending, Limits
from cra_pipeline.contracts.testrun import TestRunReport, TestRunRequest
from cra_pipeline.contracts.workspace import Layout
from cra_pipeline.diffs import Blob
from cra_pipeline.errors import SandboxError, StoreError
from cra_pipeline.integrations.bench import SandboxBench, open_bench

ENVIRONMENT = EnvironmentRow(
    repo="demo",
    sha="1" * 40,
    lock_hash="lock",
    rung="given",
    as_of="",
    reason="",
    import_roots=(".",),
    shim=(),
    generated=(),
    test_args=(),
    leaks=(),
)


class Looking:
    """A runner that looks at the layers and ends as told, run by run."""

    def __init__(self, *endings: Ending) -> None:
        self.endings = list(endings)
        self.seen: list[dict[str, bytes]] = []
        self.requests: list[TestRunRequest] = []

    def run(self, request: TestRunRequest) -> TestRunReport:
        self.requests.append(request)
        self.seen.extend(
            {str(path.relative_to(layer)): path.read_bytes() for path in layer.rglob("*.py")}
            for layer in request.layers
        )
        return TestRunReport(
            ending=self.endings.pop(0),
            outcomes=(),
            collect_errors=(),
            missing_modules=(),
            complete=True,
            forged="",
            detail="",
        )


def bench_of(runner: Looking, place: Path) -> SandboxBench:
    return SandboxBench(
        runner=runner,
        scratch=place,
        tree=place,
        environment=ENVIRONMENT,
        env_folder=place,
        limits=Limits(),
    )


def test_layers_are_laid_out_for_the_run_and_gone_after_it(tmp_path: Path) -> None:
    runner = Looking(Ending.EXITED)
    layers = [{"a.py": Blob("100644", b"1")}, {}, {"b/c.py": Blob("100644", b"\xe9")}]
    bench_of(runner, tmp_path).run(layers, ["d.py"], ["t.py"], (3, 4))

    assert runner.seen == [{"a.py": b"1"}, {"b/c.py": b"\xe9"}]
    assert runner.requests[0].deleted == ("d.py",)
    assert (runner.requests[0].order_seed, runner.requests[0].hash_seed) == (3, 4)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("endings", "runs", "last"),
    [
        ([Ending.EXITED], 1, Ending.EXITED),
        ([Ending.NOT_STARTED, Ending.EXITED], 2, Ending.EXITED),
        ([Ending.NOT_STARTED, Ending.NOT_STARTED], 2, Ending.NOT_STARTED),
        ([Ending.TIMED_OUT], 1, Ending.TIMED_OUT),
    ],
)
def test_only_a_sandbox_that_did_not_start_is_tried_once_more(
    tmp_path: Path, endings: list[Ending], runs: int, last: Ending
) -> None:
    runner = Looking(*endings)
    report = bench_of(runner, tmp_path).run([], [], ["t.py"], (0, 0))

    assert len(runner.requests) == runs
    assert report.ending is last


def test_a_bench_without_runner_or_lock_is_refused(tmp_path: Path) -> None:
    layout = Layout(tmp_path)
    with (
        pytest.raises(SandboxError, match="no test runner"),
        open_bench(layout, None, ENVIRONMENT, "1" * 40, Limits()),
    ):
        pass
    with (
        pytest.raises(StoreError, match="cra-pipeline run repo_packages --repo demo"),
        open_bench(layout, Looking(), ENVIRONMENT, "1" * 40, Limits()),
    ):
        pass
