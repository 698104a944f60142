"""Whether a server's refusal says that a request does not fit into the model's window.

Such a request never fits, however often it is sent again. The words are those of OpenAI and of our
own server (a code), of vLLM and of llama-server.
"""

from __future__ import annotations

import re

_REFUSED = frozenset({400, 413, 422})
"""Statuses with which servers say so; under others the body may quote a prompt that has them."""

_WORDS = re.compile(
    rb"context_length_exceeded|exceed_context_size_error"
    rb"|maximum (?:context|model) length|exceeds? the (?:available )?context size",
    re.IGNORECASE,
)


def is_too_long(status: int, body: bytes) -> bool:
    """Whether the request was larger than the window, for all that the server says."""
    return status in _REFUSED and _WORDS.search(body) is not None
