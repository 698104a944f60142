"""Which tasks a campaign attempts first, and what decides its attempts. Pure."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from cra_pipeline.contracts.campaigns import CampaignSpec
from cra_pipeline.contracts.tasks import AttemptRow, TaskRow

_MILLION = 1_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class CampaignLimits:
    """After which use of a campaign no attempt is begun any more; 0 for no limit.

    Attributes:
        calls: Model calls.
        tokens: Prompt and completion tokens together.
        money: In the money of the responder's prices.
        hours: Wall time of this run.
    """

    calls: int = 0
    tokens: int = 0
    money: float = 0.0
    hours: float = 0.0


@dataclass(slots=True)
class Meter:
    """What a campaign has used; many threads may add to it.

    Attributes:
        limits: When it is enough.
        prices: Of a million prompt tokens and of a million completion tokens.
        clock: Seconds from any beginning.
    """

    limits: CampaignLimits
    prices: tuple[float, float] = (0.0, 0.0)
    clock: Callable[[], float] = time.monotonic
    calls: int = 0
    tokens: int = 0
    money: float = 0.0
    _began: float = field(init=False)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def __post_init__(self) -> None:
        """Begin to count the time."""
        self._began = self.clock()

    def add(self, row: AttemptRow) -> None:
        """Count an attempt, finished now or earlier."""
        with self._lock:
            self.calls += row.calls
            self.tokens += row.prompt_tokens + row.completion_tokens
            spent = row.prompt_tokens * self.prices[0] + row.completion_tokens * self.prices[1]
            self.money += spent / _MILLION

    def reached(self) -> str:
        """The limit that is reached, in words; empty while there is none."""
        hours = (self.clock() - self._began) / 3600
        for name, used, most in (
            ("calls", self.calls, self.limits.calls),
            ("tokens", self.tokens, self.limits.tokens),
            ("money", self.money, self.limits.money),
            ("hours", hours, self.limits.hours),
        ):
            if most and used >= most:
                return f"{name}: {used:g} of {most:g}"
        return ""


def fingerprint(spec: CampaignSpec) -> str:
    """Decides a campaign's attempts beside task and plan."""
    return f"{spec.program} {spec.settings.digest()} {spec.responder.digest()}"


def most_valuable(tasks: Iterable[TaskRow], limit: int) -> tuple[TaskRow, ...]:
    """Admitted tasks worth most first: those that teach code and tests, small ones, new ones.

    Tests-only tasks are left out: the agent plans code first.

    Args:
        tasks: Of one repository.
        limit: Most of them; 0 for all.
    """
    usable = [task for task in tasks if task.admitted and task.kind != "tests-only"]
    return tuple(sorted(usable, key=_worth)[: limit or None])


def _worth(task: TaskRow) -> tuple[int, int, int, str]:
    mixed = 0 if task.kind == "source-and-tests" else 1
    # Beyond a handful of files a window holds no whole context.
    wide = task.gold_patch.count("\ndiff --git ") // 4
    return mixed, wide, -task.committed_at, task.sha
