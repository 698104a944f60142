"""Whose fault a failed answer is, as HTTP tells it: the client's, the moment's, or the model's."""

from __future__ import annotations

from cra_pipeline.errors import ModelError
from cra_pipeline.integrations.responders.lane import WindowError
from cra_pipeline.integrations.responders.upstream import RefusedError, UnavailableError

TOO_LONG = "context_length_exceeded"
"""The code by which clients of OpenAI's protocol know that they have to send less."""

_BAD, _NO_ANSWER, _UNAVAILABLE = 400, 502, 503


def fault_of(error: ModelError) -> tuple[int, str]:
    """Status of a failed answer, and OpenAI's code where it has one.

    503 says that the same request may have an answer later; the agent takes each of them for an
    error alike.
    """
    if isinstance(error, WindowError):
        return _BAD, TOO_LONG
    if isinstance(error, RefusedError):
        return _BAD, ""
    return (_UNAVAILABLE if isinstance(error, UnavailableError) else _NO_ANSWER), ""
