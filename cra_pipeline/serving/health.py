"""When a version in service is taken back because its requests fail. Pure."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field

from cra_pipeline.serving.proportions import wilson


@dataclass(frozen=True, slots=True, kw_only=True)
class HealthPolicy:
    """What a version may do wrong.

    Attributes:
        window: Last requests that are looked at: a solve of the agent makes about as many.
        least: Requests before anything is decided.
        share: Failed requests that are borne; the lower end of Wilson's interval must lie above
            it, so that chance alone takes no version back.
    """

    window: int = 200
    least: int = 20
    share: float = 0.1


@dataclass(slots=True)
class Health:
    """The last requests of one version, and what they come to.

    A request counts as failed where a server that lives on had no answer for it, or the agent could
    not read the answer to what it asks as it does; not where no server was there, it died, the
    version was not loaded, the queue was full, the request itself was wrong or the client left.
    """

    version: str
    policy: HealthPolicy = field(default_factory=HealthPolicy)
    _last: deque[str] = field(init=False)

    def __post_init__(self) -> None:
        """Nothing is known yet."""
        self._last = deque(maxlen=self.policy.window)

    def heard(self, failure: str = "") -> str:
        """Count a request.

        Args:
            failure: What was wrong with it; empty where nothing was.

        Returns:
            Why the version has to go; empty as long as it may serve.
        """
        self._last.append(failure)
        failed = [words for words in self._last if words]
        total = len(self._last)
        if not failure or total < self.policy.least:
            return ""
        low, _ = wilson(len(failed), total)
        if low <= self.policy.share:
            return ""
        return (
            f"{len(failed)} of its last {total} requests failed, at least {low:.0%} by Wilson's "
            f"interval, {self.policy.share:.0%} are borne; the last: {failed[-1]}"
        )
