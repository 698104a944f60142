"""Numbers of the gateway."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class GatewayPolicy:
    """What one client may take from the others.

    Attributes:
        body_bytes: Longest body of a request; a full window of 128k tokens needs about 0.6 MB.
        body_s: Seconds for a request's body to arrive; one that never does holds its connection.
        connections: Open at once at one attempt's socket; the agent uses one. A hostile one must
            not use up the process's files.
        service_connections: The same, where many agents share one address.
        answer_s: Seconds for an answer, from when the responder's own limits let it begin.
        whole_s: Seconds for an answer and its wait for those limits. Below the agent's own 300,
            so that the gateway says ``model error`` before the agent breaks off.
        calls: Answered or refused in one attempt; a large one makes 5,000. What goes beyond is
            turned away without a line in the log.
        log_bytes: The same for the log of one attempt.
        grace_s: Seconds that a stop leaves to answers under way.
    """

    body_bytes: int = 4 * 2**20
    body_s: float = 30.0
    connections: int = 16
    service_connections: int = 256
    answer_s: float = 280.0
    whole_s: float = 290.0
    calls: int = 50_000
    log_bytes: int = 1 << 29
    grace_s: float = 5.0
