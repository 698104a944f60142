"""What assets are given."""

from __future__ import annotations

from pathlib import Path

import dagster as dg
import pytest

from cra_pipeline.contracts.workspace import Layout
from cra_pipeline.definitions.resources import Workspace, refusals
from cra_pipeline.errors import CheckError, PipelineError, SandboxError, SourceError


def test_the_workspace_is_the_one_that_the_variable_names(layout: Layout) -> None:
    assert Workspace().layout == layout


def test_a_workspace_can_be_named(layout: Layout, tmp_path: Path) -> None:
    other = Workspace(home=str(tmp_path / "other")).layout

    assert other == Layout(tmp_path / "other") != layout


@pytest.mark.parametrize(
    ("error", "again"),
    [
        (SandboxError("no room for another process"), True),
        (CheckError("commits of till is not ready"), False),
        (SourceError("no such repository"), False),
    ],
)
def test_only_a_failing_sandbox_is_tried_again(error: PipelineError, again: bool) -> None:  # noqa: FBT001  # parametrized
    with pytest.raises(dg.Failure) as caught, refusals():
        raise error

    assert caught.value.description == str(error)
    assert caught.value.allow_retries is again


def test_an_error_of_the_program_itself_keeps_its_traceback() -> None:
    with pytest.raises(ZeroDivisionError), refusals():
        raise ZeroDivisionError
