"""One run of the agent's own tests: its working tree laid on the base, in a sandbox of its own.

What a model wrote runs here, away from the agent, its repository, its databases and the gateway,
and without a way out. Beside the tree it finds the task's environment and the files that its tests
need; no hidden test is named there.
"""

from __future__ import annotations

import secrets
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from cra_pipeline.contracts.packages import EnvironmentRow
from cra_pipeline.contracts.ports import Sandbox
from cra_pipeline.contracts.sandbox import Ending, Limits, SandboxResult
from cra_pipeline.contracts.testrun import TestRunRequest
from cra_pipeline.diffs import Blob
from cra_pipeline.integrations.clean_room.packed import above
from cra_pipeline.integrations.clean_room.submission import Submission
from cra_pipeline.integrations.clean_room.validation import Expected, failures, status
from cra_pipeline.integrations.git.checkout import write_layer
from cra_pipeline.integrations.leftovers import prefix_of
from cra_pipeline.integrations.testrun.protocol import Session, read_channel
from cra_pipeline.integrations.testrun.runner import sandbox_request
from cra_pipeline.integrations.testrun.sentinels import unplanted

MOST_OUTPUT = 1 << 18
"""Characters of what the tests printed that the agent is shown, from the end."""
FAILED = 1
_FILE, _SCRIPT = "100644", "100755"
_GIT = ".git"
_NAMED = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """The surroundings of a task's tests.

    Attributes:
        tree: Of the prepared base; never written to.
        environment: How they are run.
        env_folder: That environment on the host.
        given: Files that they find in the tree as the commit leaves them, whatever was sent.
        expected: Which of their failures count.
        limits: Of each run.
        scratch: For layers; removed after each run.
    """

    tree: Path
    environment: EnvironmentRow
    env_folder: Path
    given: Mapping[str, Blob]
    expected: Expected
    limits: Limits
    scratch: Path


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What the agent's test command ends with.

    Attributes:
        status: 0 where no failure counts.
        output: What it prints.
        fault: Why the machine could not run the tests; empty where it could.
    """

    status: int
    output: str
    fault: str = ""


def run_trial(sandbox: Sandbox, trial: Trial, submission: Submission, wall_s: float) -> Answer:
    """Run the tests once.

    Args:
        sandbox: Where.
        trial: The task's.
        submission: What the agent's tree holds.
        wall_s: Seconds that are left; the trial's own limit holds too.

    Raises:
        OSError: The disk is full.
        SandboxError: The sandbox cannot be had on this machine at all.
    """
    files = _present(trial, submission)
    if not files:
        return Answer(status=0, output="no test file of the task exists yet\n")
    nonce = secrets.token_bytes(32)
    limits = trial.limits.model_copy(update={"wall_s": min(wall_s, trial.limits.wall_s)})
    trial.scratch.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=trial.scratch, prefix=prefix_of("testrun")) as name:
        folder = Path(name)
        folder.chmod(0o755)
        changed = write_layer(folder / "changed", _blobs(trial.tree, submission))
        request = TestRunRequest(
            tree=trial.tree,
            layers=(changed, write_layer(folder / "given", trial.given)),
            deleted=_absent(trial, submission),
            environment=trial.environment,
            env_folder=trial.env_folder,
            test_files=files,
            sentinels=False,
            tracebacks=True,
            limits=limits,
        )
        result = sandbox.run(sandbox_request(request, unplanted(files), nonce, folder))
    return answer(result, read_channel(result.channel, nonce), trial.expected)


def _present(trial: Trial, submission: Submission) -> tuple[str, ...]:
    laid, gone = {*submission.changed, *trial.given}, set(submission.deleted)
    return tuple(
        path
        for path in trial.expected.files
        if path in laid or (path not in gone and (trial.tree / path).is_file())
    )


def _blobs(tree: Path, submission: Submission) -> dict[str, Blob]:
    """The changed files; what can be executed at the base still can."""
    return {
        path: Blob(_SCRIPT if _is_script(tree / path) else _FILE, content)
        for path, content in submission.changed.items()
    }


def _is_script(place: Path) -> bool:
    return place.is_file() and bool(place.stat().st_mode & 0o100)


def _absent(trial: Trial, submission: Submission) -> tuple[str, ...]:
    """What is removed before the tests start; no file that is laid there lies below it."""
    laid = {*submission.changed, *trial.given}
    kept = laid.union(*(above(path) for path in laid))
    return (_GIT, *(path for path in submission.deleted if path not in kept))


def answer(result: SandboxResult, session: Session, expected: Expected) -> Answer:
    """From what a run left to what the agent is told.

    Args:
        result: Of the sandbox.
        session: What came through its channel.
        expected: Which failures count.
    """
    if result.ending is Ending.NOT_STARTED:
        return Answer(status=FAILED, output="the tests were not run\n", fault=result.detail)
    code, words = _judged(result, session, expected)
    said = f"{result.stdout}\n{result.stderr}" if result.stderr else result.stdout
    return Answer(status=code, output=f"{said[-MOST_OUTPUT:]}\n{words}\n")


def _judged(result: SandboxResult, session: Session, expected: Expected) -> tuple[int, str]:
    """Status and a last word."""
    if result.ending is Ending.TIMED_OUT:
        return FAILED, "the tests were ended: they took longer than they may"
    if result.ending is not Ending.EXITED:
        return FAILED, f"the tests were ended: {result.ending.value}"
    if session.forged:
        return FAILED, f"what the tests reported cannot be believed: {session.forged}"
    if session.closing is None:
        return FAILED, "the tests ended before all of them had run"
    failed = failures(expected, session.lines)
    code = status(session.closing.code, failed)
    return code, f"failures that count: {len(failed)}{_names(failed)}"


def _names(failed: tuple[str, ...]) -> str:
    # As pytest words it, and last: the last such line is what is told of a run.
    return "".join(f"\nFAILED {test or 'the session'}" for test in failed[:_NAMED])
