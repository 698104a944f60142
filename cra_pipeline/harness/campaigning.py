"""Which tasks a campaign attempts first, and what decides its attempts. Pure."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass, field

from cra_pipeline.contracts.campaigns import (
    SPEND_LIMIT_REACHED,
    CampaignSpec,
    CampaignUse,
    ResponderSpec,
)
from cra_pipeline.contracts.tasks import AttemptRow, Outcome, TaskRow

_MILLION = 1_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class CampaignLimits:
    """After which use of a campaign no attempt is begun any more; 0 for no limit.

    What every run has used for the campaign, in whichever repository, counts for calls, tokens
    and money; spoiled attempts are among it, for they cost as much.

    Attributes:
        calls: Model calls.
        tokens: Prompt and completion tokens together.
        money: In the money of the responder's prices.
        hours: Wall time since ``began``.
        began: Seconds since the epoch; 0 for the beginning of this run. One beginning for the
            runs of many repositories makes the hours theirs together.
    """

    calls: int = 0
    tokens: int = 0
    money: float = 0.0
    hours: float = 0.0
    began: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class CampaignTerms:
    """How fast and dear a run's answers may be; None leaves what the campaign began with.

    Attributes:
        concurrency: Most requests under way at once.
        requests_per_minute: Most requests begun in a minute; 0 for any number.
        prompt_price: Of a million prompt tokens.
        completion_price: Of a million answered tokens.
        spend_limit: Most that the campaign may spend in all its runs; 0 for no limit.
    """

    concurrency: int | None = None
    requests_per_minute: float | None = None
    prompt_price: float | None = None
    completion_price: float | None = None
    spend_limit: float | None = None

    def applied(self, spec: CampaignSpec) -> CampaignSpec:
        """The campaign on these terms; its id stays."""
        told = {name: value for name, value in asdict(self).items() if value is not None}
        if self.spend_limit == 0:
            told["spend_limit"] = None
        return spec.model_copy(update={"responder": spec.responder.model_copy(update=told)})


@dataclass(slots=True)
class Meter:
    """What a campaign has used; many threads may add to it.

    Attributes:
        limits: When it is enough.
        responder: Its prices, and the limit that it keeps itself.
        clock: Seconds since the epoch.
    """

    limits: CampaignLimits
    responder: ResponderSpec
    clock: Callable[[], float] = time.time
    calls: int = 0
    tokens: int = 0
    money: float = 0.0
    _refused: bool = False
    _began: float = field(init=False)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def __post_init__(self) -> None:
        """Begin to count the time."""
        self._began = self.limits.began or self.clock()

    def add(self, use: CampaignUse) -> None:
        """Count an attempt, of this run or an earlier one."""
        with self._lock:
            self.calls += use.calls
            self.tokens += use.prompt_tokens + use.completion_tokens
            now = price(self.responder, use.prompt_tokens, use.completion_tokens)
            self.money += now if use.money is None else use.money
            # An earlier run's limit may have been lower.
            self._refused |= use.refused and use.at >= self._began

    def reached(self) -> str:
        """The limit that is reached, in words; empty while there is none."""
        if self._refused:
            most = self.responder.spend_limit or 0.0
            return f"spend limit: {self.money:g} of {most:g}, and a further request may pass it"
        hours = (self.clock() - self._began) / 3600
        for name, used, most in (
            ("calls", self.calls, self.limits.calls),
            ("tokens", self.tokens, self.limits.tokens),
            ("money", self.money, self.limits.money),
            ("hours", hours, self.limits.hours),
        ):
            if most and used >= most:
                return f"{name}: {used:,.12g} of {most:,.12g}"
        return ""

    def left_to_spend(self) -> float | None:
        """What the responder may still spend; None for any sum."""
        most = self.responder.spend_limit
        return None if most is None else max(0.0, most - self.money)


@dataclass(slots=True)
class Tally:
    """Verdicts so far; many threads may add to it."""

    passed: int = 0
    judged: int = 0
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def add(self, row: AttemptRow) -> None:
        """Count an attempt, if it was judged."""
        with self._lock:
            self.passed += row.outcome is Outcome.PASSED
            self.judged += row.outcome in JUDGED

    def words(self) -> str:
        """Such as ``passed 4 of 5 (80 %)``."""
        if not self.judged:
            return "none judged"
        share = 100 * self.passed / self.judged
        return f"passed {self.passed} of {self.judged} ({share:.0f} %)"


JUDGED = frozenset({Outcome.PASSED, Outcome.FAILED})
"""Outcomes that say something about the agent."""

SPOILED = frozenset({Outcome.MODEL_ERROR, Outcome.SANDBOX_ERROR})
"""Outcomes that a machine or a server is to blame for: the next run tries again."""


def price(responder: ResponderSpec, prompt_tokens: int, completion_tokens: int) -> float:
    """What so many tokens cost at the responder's prices."""
    prompt = prompt_tokens * responder.prompt_price
    return (prompt + completion_tokens * responder.completion_price) / _MILLION


def use_of(row: AttemptRow, at: float) -> CampaignUse:
    """What an attempt took; its money is not said.

    Args:
        row: The attempt.
        at: When it ended, in seconds since the epoch.
    """
    return CampaignUse(
        attempt=row.attempt_id,
        calls=row.calls,
        prompt_tokens=row.prompt_tokens,
        completion_tokens=row.completion_tokens,
        refused=row.outcome in SPOILED and SPEND_LIMIT_REACHED in row.detail,
        at=at,
    )


def fingerprint(spec: CampaignSpec) -> str:
    """Decides a campaign's attempts beside task and plan."""
    return f"{spec.program} {spec.settings.digest()} {spec.responder.deciding().digest()}"


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
