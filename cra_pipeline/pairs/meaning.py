"""What an answer comes to, whatever its wording: two that come to the same are no alternatives.

Pure. An answer that cannot be read comes to its own text.
"""

from __future__ import annotations

import json
from collections.abc import Iterable

from cra_pipeline.contracts.tasks import Outcome
from cra_pipeline.contracts.triples import TripleRow
from cra_pipeline.gold import edits
from cra_pipeline.kinds import CALL_KINDS, read_verdict
from cra_pipeline.verdicts.losing import is_binary

_FENCE = "```"


def said(triple: TripleRow) -> str:
    """What the answer of a triple comes to."""
    return _meaning(triple, triple.output)


def right(triple: TripleRow) -> str:
    """What the right answer comes to; empty where the diff knows none."""
    return _meaning(triple, triple.right_answer) if triple.right_answer.strip() else ""


def same_answer(call_kind: str, first: str, second: str) -> bool:
    """Whether two answers to one question are one: the same text, or the same yes or no.

    Malformed answers are no yes and no no, so they differ from both.
    """
    kind = CALL_KINDS.get(call_kind)
    if kind is None or kind.form != "binary":
        return first == second
    return _verdict(first) == _verdict(second)


def conflicting(answers: Iterable[TripleRow]) -> bool:
    """Whether one prompt has more than one right answer.

    What is right hangs on more than the prompt where campaigns show an agent more or less: then
    the prompt alone cannot tell, and nothing is to be learned from it.
    """
    texts = {row.right_answer: row for row in answers}
    # Most prompts have a single text; only others are worth reading.
    return len(texts) > 1 and len({right(row) for row in texts.values()} - {""}) > 1


def sound(answers: Iterable[TripleRow]) -> frozenset[str]:
    """What is not taught as wrong, whatever else ruined the attempts that say it.

    Blame falls on a kind of call, and so on every answer of it: among them may be the commit's own,
    or one that passed elsewhere. A yes/no is held against the diff alone.

    Args:
        answers: All to one prompt.
    """
    asked = [row for row in answers if not is_binary(row)]
    passed = {said(row) for row in asked if row.outcome is Outcome.PASSED}
    return frozenset(passed | {right(row) for row in asked if row.right_answer.strip()})


def contradicted(answer: TripleRow, answers: Iterable[TripleRow]) -> bool:
    """Whether a yes/no is wrong by what the diff said of its prompt, be it in another attempt.

    Where the commit had no answer at hand in one attempt, it may have had it in another.
    """
    known = {right(row) for row in answers if is_binary(row)} - {""}
    return is_binary(answer) and bool(known) and said(answer) not in known


def _meaning(triple: TripleRow, text: str) -> str:
    kind = CALL_KINDS.get(triple.call_kind)
    if triple.prompt_source == "rendered" or kind is None:
        # Rendered answers create and delete files too, in a form of their own.
        return text
    read = {"binary": _verdict, "edits": _edits, "json": _plan}.get(kind.form)
    return read(text) if read is not None else text


def _verdict(text: str) -> str:
    verdict = read_verdict(text)
    if verdict is None:
        return f"malformed: {text.strip()}"
    return "yes" if verdict else "no"


def _edits(text: str) -> str:
    try:
        found = edits.read(text)
    except ValueError:
        return text.strip()
    # Edits of different files may trade places; those of one file may not.
    return edits.written(sorted(found, key=lambda edit: edit.path))


def _plan(text: str) -> str:
    plain = text.strip()
    if plain.startswith(_FENCE):
        plain = plain.partition("\n")[2].rstrip().removesuffix(_FENCE)
    try:
        return json.dumps(json.loads(plain), sort_keys=True)
    except (ValueError, RecursionError):
        return text.strip()
