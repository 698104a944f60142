"""Whether an answer has the form that the agent can read, and whether it says what is right."""

from __future__ import annotations

import json

from cra_pipeline.kinds import CALL_KINDS, read_verdict

_FENCE = "```"


def is_readable(call_kind: str, answer: str) -> bool:
    """Whether the agent could make something of an answer.

    Raises:
        KeyError: No such call kind.

    >>> is_readable("scope", "yes"), is_readable("scope", "Yes, because")
    (True, False)
    """
    form = CALL_KINDS[call_kind].form
    if form == "binary":
        return read_verdict(answer) is not None
    if form == "json":
        return _document(answer) is not None
    if form == "edits":
        return "<edit " in answer and "</edit>" in answer
    return bool(answer.strip())


def agrees(call_kind: str, answer: str, right: str) -> bool:
    """Whether an answer says the same as the right one.

    Yes and no are compared as the agent reads them (what it cannot read it takes as no), documents
    by what they hold, all else by its text without the space around it.

    >>> agrees("scope", "YES ", "yes"), agrees("scope", "maybe", "yes")
    (True, False)
    >>> agrees("meta_plan", '{"a": 1, "b": 2}', '{"b":2,"a":1}')
    True
    """
    form = CALL_KINDS[call_kind].form
    if form == "binary":
        return bool(read_verdict(answer)) == bool(read_verdict(right))
    if form == "json":
        found, wanted = _document(answer), _document(right)
        if found is not None and wanted is not None:
            return found == wanted
    return answer.strip() == right.strip()


def says_yes(answer: str) -> bool:
    """Whether the agent reads yes."""
    return bool(read_verdict(answer))


def _document(text: str) -> object | None:
    """The JSON object or list of an answer, with or without a fence around it."""
    bare = text.strip()
    if bare.startswith(_FENCE):
        bare = bare.partition("\n")[2].strip().removesuffix(_FENCE)
    try:
        found = json.loads(bare)
    except (ValueError, RecursionError):
        return None
    return found if isinstance(found, dict | list) else None
