"""The numbers of the harness: how tasks are proven, verdicts given and attempts made.

Rules read them from here; nothing in this module decides anything.
"""

from __future__ import annotations

import dataclasses
import json
from dataclasses import dataclass, field

from cra_pipeline.contracts.record import Record
from cra_pipeline.contracts.sandbox import Limits

Seeds = tuple[int, int]
"""Order seed and hash seed of one run."""

RUN_LIMITS = Limits(wall_s=600.0, cpu_s=120)
"""What one run of a task's proof may use, unless a policy says otherwise.

Wall time is five times the processor's or more, here and below: a busy machine must not decide.
"""

ATTEMPT_LIMITS = Limits(wall_s=900.0, cpu_s=180)
"""What the run that judges an attempt may use; some near misses never end.

Half as much again as a proof's run: what gold has shown within the one fits into the other, on a
machine that is slower today as well.
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class VerdictPolicy:
    """How much evidence a verdict keeps.

    Attributes:
        failed_kept: Expected tests that did not pass are listed up to this number.
        detail_chars: Longest detail, in characters.
    """

    failed_kept: int = 20
    detail_chars: int = 300


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskPolicy:
    """What a commit has to survive before it is a task.

    Attributes:
        gold_seeds: One run of the gold change for each, all of which must pass.
        base_seeds: One run of the base for each; the fail-to-pass tests fail in all of them.
        controls_per_task: Forging edits drawn for each task by its id.
        full_control_tasks: Tasks of a repository (first by id) that get every category.
        max_test_files: Most test files that one run collects.
        max_package_tests: Of these, files that merely import the changed module's package.
        limit: Newest qualified commits tried for each task kind; 0 for all.
        kinds: Task kinds that are tried, in this order.
        mutants: Mutants of the gold change tried against the new tests of a tests-only commit.
        limits: Of each run.
        verdict: How verdicts are worded.
    """

    gold_seeds: tuple[Seeds, ...] = ((0, 0), (1, 1), (2, 2))
    base_seeds: tuple[Seeds, ...] = ((0, 0), (3, 3))
    controls_per_task: int = 3
    full_control_tasks: int = 1
    max_test_files: int = 40
    max_package_tests: int = 6
    limit: int = 0
    kinds: tuple[str, ...] = ("source-and-tests", "source-only", "tests-only")
    mutants: int = 8
    limits: Limits = RUN_LIMITS
    verdict: VerdictPolicy = field(default_factory=VerdictPolicy)


@dataclass(frozen=True, slots=True, kw_only=True)
class AttemptPolicy:
    """How attempts are made.

    Attributes:
        agents: Names of the backends, in the order in which they run.
        limit: Newest admitted tasks attempted; 0 for all.
        mutants: Most near misses kept for a task.
        seed: Seeds every draw.
        run_seeds: Order and hash seed of the one run that judges an attempt.
        limits: Of that run.
        verdict: How verdicts are worded.
    """

    agents: tuple[str, ...] = ("gold_patch", "mutant")
    limit: int = 0
    mutants: int = 6
    seed: int = 0
    run_seeds: Seeds = (0, 0)
    limits: Limits = ATTEMPT_LIMITS
    verdict: VerdictPolicy = field(default_factory=VerdictPolicy)


def policy_json(policy: TaskPolicy | AttemptPolicy | VerdictPolicy) -> str:
    """One line of JSON with sorted keys, for manifests: equal numbers give equal bytes."""
    return json.dumps(dataclasses.asdict(policy), sort_keys=True, default=_plain)


def _plain(value: Record) -> dict[str, object]:
    return value.model_dump(mode="json")
