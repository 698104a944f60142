"""What ``serve`` refuses before anything is started; servers themselves are tested elsewhere."""

from __future__ import annotations

import pytest
from click.testing import CliRunner

from cra_pipeline.cli import main
from cra_pipeline.contracts.workspace import Layout
from cra_pipeline.integrations.files import partition_lock


@pytest.mark.usefixtures("layout")
@pytest.mark.parametrize(
    ("options", "status", "words"),
    [
        ((), 1, "no base is imported"),
        (("--adapter", "scope=here"), 2, "--adapter is of a --base"),
        (("--canary", "scope=scope-v4"), 2, "expected KIND=VERSION:SHARE"),
        (("--canary", "scope=scope-v4:0"), 2, "SHARE above 0 and at most 1"),
        (("--canary", "scope=scope-v4:1.5"), 2, "SHARE above 0 and at most 1"),
        (("--shadow", "scope=precision-v4"), 2, "expected KIND=VERSION"),
        (("--shadow", "scope=scope-v4"), 1, "no version of scope"),
        (("--base", "b", "--adapter", "scope"), 2, "expected KIND=FOLDER"),
        (("--base", "b", "--adapter", "scoop=here"), 2, "KIND one of scope"),
        (("--base", "b", "--precision", "float8"), 2, "float8"),
        (("--base", "qwen-32k-base-v1"), 1, "no such base"),
        (("--base", "b", "--server", "transformers"), 2, "--server: not with --base"),
        (("--base", "b", "--canary", "scope=scope-v4:0.1"), 2, "--canary: not with --base"),
        (("--base", "b", "--shadow", "scope=scope-v4"), 2, "--shadow: not with --base"),
        (("--base", "b", "--memory", "0"), 2, "--memory: not with --base"),
        (("--base", "b", "--log", "l", "--token-file", "t"), 2, "--log, --token-file: not with"),
        (("--base", "b", "--other-form"), 2, "--other-form: not with --base"),
    ],
)
def test_wrong_use_is_told(options: tuple[str, ...], status: int, words: str) -> None:
    result = CliRunner().invoke(main, ["serve", *options])

    assert result.exit_code == status, result.output
    assert words in " ".join(result.output.split())


def test_one_service_of_a_workspace_runs_at_a_time(layout: Layout) -> None:
    with partition_lock(layout, "serving", "registry"):
        result = CliRunner().invoke(main, ["serve"])

    assert result.exit_code == 1
    assert "serving of registry is being made by another run" in result.output
