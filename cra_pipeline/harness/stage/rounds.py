"""Which tasks of a repository belong to a round, asked of the round records on disk."""

from __future__ import annotations

from collections.abc import Sequence

from cra_pipeline.contracts.rounds import RoundRecord
from cra_pipeline.contracts.tasks import TaskRow
from cra_pipeline.contracts.workspace import Layout
from cra_pipeline.errors import GitError, RoundError
from cra_pipeline.harness.attempts import left_out, listed_round
from cra_pipeline.integrations.files import read_record
from cra_pipeline.integrations.git.repository import GitRepository


def reasons_left_out(
    layout: Layout, repo: str, round_name: str, tasks: Sequence[TaskRow]
) -> dict[str, str]:
    """Why each task is left out of the round, by task id; empty where it is not.

    Raises:
        RoundError: The round is not opened, does not list the repository, or pins what is gone.
    """
    paths = sorted(layout.rounds.glob("r*.json"))
    rounds = tuple(read_record(path, RoundRecord) for path in paths)
    record = listed_round(rounds, round_name, repo)
    repository = GitRepository(layout.snapshot(repo))
    pins = {item.round: pin for item in rounds if (pin := item.pin(repo)) is not None}
    try:
        reached = {name: repository.reached_by(pin) for name, pin in pins.items()}
    except GitError as error:
        raise RoundError(
            f"a round pins {repo} at a commit that its snapshot lacks ({error}): restore the "
            "source's revision, then snapshot it again"
        ) from error
    return {task.task_id: left_out(task, record, rounds, reached) for task in tasks}
