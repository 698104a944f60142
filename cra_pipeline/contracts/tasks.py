"""Tasks, the runs that prove them, and attempts on them."""

from __future__ import annotations

import enum
from typing import Literal

from cra_pipeline.contracts.packages import TextFile
from cra_pipeline.contracts.record import Record

TaskKind = Literal["source-and-tests", "source-only", "tests-only"]


class Outcome(enum.StrEnum):
    """Verdict on an attempt; only ``passed`` and ``failed`` judge the agent."""

    PASSED = "passed"
    FAILED = "failed"
    TIMED_OUT = "timed_out"
    AGENT_ERROR = "agent_error"
    MODEL_ERROR = "model_error"
    SANDBOX_ERROR = "sandbox_error"
    INEXPRESSIBLE = "inexpressible"


class TestTally(Record):
    """What one run of the hidden tests showed, in words that repeat from run to run."""

    __test__ = False  # pytest: the name is the field's word, not a test class

    outcome: Outcome
    reason: str
    """Short code, such as ``fail_to_pass_failed`` or ``forged_report``; empty if passed."""
    detail: str
    """First failing test or evidence line, without times, addresses or host paths."""
    failed: tuple[str, ...]
    """Expected tests that did not pass (at most 20, sorted)."""


class ControlResult(Record):
    """A change that must not pass, and what became of it."""

    category: str
    """``noop``, or one of the forging categories."""
    outcome: Outcome
    reason: str


class GoldRun(Record):
    """One of the gold change's runs; order and hash seed differ from run to run."""

    order_seed: int
    hash_seed: int
    outcome: Outcome
    reason: str


class TaskRow(Record):
    """A qualified commit turned into a problem (row of ``tasks.parquet``)."""

    task_id: str
    """``<repo>-<first 12 digits of sha>``."""
    repo: str
    sha: str
    base_sha: str
    window: tuple[str, ...]
    committed_at: int
    """Committer date in seconds since the epoch."""
    kind: TaskKind
    planning_type: str
    admitted: bool
    reason: str
    """Why it is no task, such as ``no_fail_to_pass``; empty where admitted."""
    evidence: str
    statement: str
    """The commit's message without trailers, sign-offs, ids and links."""
    gold_patch: str
    """Unified diff of everything that is no test, base to commit."""
    test_patch: str
    """Unified diff of the hidden tests and their support files."""
    deleted_files: tuple[str, ...]
    test_files: tuple[str, ...]
    """Test files that are run, sorted."""
    protected_files: tuple[str, ...]
    """Restored to the commit's version before every run, sorted."""
    fail_to_pass: tuple[str, ...]
    """Test ids that fail at the base and pass with the gold change, sorted."""
    pass_to_pass: tuple[str, ...]
    quarantined: tuple[str, ...]
    """Test ids whose result hung on order or hash seed."""
    gold_runs: tuple[GoldRun, ...]
    controls: tuple[ControlResult, ...]
    """No-op first, then the forging edits drawn for this task."""
    mutants_killed: int
    """Tests-only: mutants that the new tests kill and the old suite lets live."""
    mutants: tuple[str, ...]
    """Their names, ``path:line:column:kind`` in the base tree: what judges other tests."""
    weak_tests: tuple[str, ...]
    """Near misses that the hidden tests let pass."""
    lock_hash: str


class Proposal(Record):
    """What a backend wants changed, before any judging."""

    agent: str
    configuration: str
    """Names the variant, such as ``gold`` or ``dropped_hunk#2``."""
    temperature: float
    seed: int
    files: tuple[TextFile, ...]
    """Whole new text of each changed file."""
    deleted: tuple[str, ...]
    problem: str
    """Why nothing can be proposed (then ``inexpressible``); empty otherwise."""


class AttemptRow(Record):
    """One run of one backend on one task (row of ``attempts.parquet``)."""

    attempt_id: str
    """Content id of everything that decides it: task, plan, program, limits, round."""
    task_id: str
    repo: str
    round: str
    agent: str
    configuration: str
    temperature: float
    seed: int
    patch: str
    outcome: Outcome
    reason: str
    detail: str
    failed_tests: tuple[str, ...]
    task_form: Literal["", "names", "metadata"] = ""
    """How the task was put to an agent that reads a task text; empty for others."""
    responder: str = ""
    """Who answered the agent's calls; empty for backends that call no model."""
    campaign: str = ""
    """Id of its campaign; empty outside of one."""
    agent_status: str = ""
    """What the agent itself said, such as ``complete``."""
    reproduced: bool | None = None
    """Whether its change equals the commit's in every ``.py`` file; None where not asked."""
    usable: bool | None = None
    """Whether it is reproduced and each answer's grounds stood in its own prompt; None where not
    asked. Grounds are looked up by the commit's change, so of another tree they are not known.
    """
    shortfall: str = ""
    """First reason why it is not reproduced or not usable."""
    calls: int = 0
    """Model calls that it made."""
    by_model: tuple[str, ...] = ()
    """Call kinds that something else than the commit answered, sorted."""
    prompt_tokens: int = 0
    """Of all its calls, as far as the responder counts them."""
    completion_tokens: int = 0
    """Of all its answers."""
    imports: bool
    """Whether the changed modules could still be imported (a near miss must)."""
