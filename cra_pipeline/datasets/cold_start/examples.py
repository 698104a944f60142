"""Wanted changes as training examples: prompt, and the change in the agent's edit format."""

from __future__ import annotations

from cra_pipeline.contracts.cold_start import PublishedRow
from cra_pipeline.contracts.datasets import DpoExample, Message, Origin, SftExample, example_id
from cra_pipeline.datasets.cold_start.prompts import user_message
from cra_pipeline.datasets.cold_start.wanted import Dropped, Wanted
from cra_pipeline.gold.edits import applied, read, written
from cra_pipeline.gold.searching import edits_between

ADAPTER = "execute_code"
CALL = "implement"
NO_ROUND = ""
"""Cold-start rows belong to no round until one takes them in."""


def sft_example(row: PublishedRow, wanted: Wanted, system: str) -> SftExample | Dropped:
    """One example, or why the agent's format cannot say it.

    Args:
        row: Where the change comes from.
        wanted: The change.
        system: The agent's system prompt for the call.
    """
    prompt = prompt_messages(row, wanted, system)
    answer = edit_answer(wanted)
    if isinstance(prompt, Dropped):
        return prompt
    if isinstance(answer, Dropped):
        return answer
    completion = (Message(role="assistant", content=answer),)
    return SftExample(
        example_id=example_id(ADAPTER, *(message.content for message in (*prompt, *completion))),
        adapter_kind=ADAPTER,
        call_kind=CALL,
        round=NO_ROUND,
        label="published",
        prompt=prompt,
        completion=completion,
        origin=origin_of(row, wanted),
    )


def dpo_example(
    row: PublishedRow, better: Wanted, worse: Wanted, system: str, *, label: str
) -> DpoExample | Dropped:
    """A pair of two changes of the same text for the same task.

    Raises:
        ValueError: They are not: the prompts would differ.
    """
    if (better.task, better.path, better.before) != (worse.task, worse.path, worse.before):
        raise ValueError(f"{row.row}: the two sides of a pair start from different prompts")
    prompt = prompt_messages(row, better, system)
    answers = edit_answer(better), edit_answer(worse)
    for part in (prompt, *answers):
        if isinstance(part, Dropped):
            return part
    chosen, rejected = ((Message(role="assistant", content=str(answer)),) for answer in answers)
    messages = tuple(prompt) if not isinstance(prompt, Dropped) else ()
    return DpoExample(
        example_id=example_id(
            ADAPTER, *(message.content for message in (*messages, *chosen, *rejected))
        ),
        adapter_kind=ADAPTER,
        call_kind=CALL,
        round=NO_ROUND,
        label=label,
        prompt=messages,
        chosen=chosen,
        rejected=rejected,
        origin=origin_of(row, better),
    )


def prompt_messages(
    row: PublishedRow, wanted: Wanted, system: str
) -> tuple[Message, ...] | Dropped:
    """System and user message of a change."""
    if not row.licence:
        return Dropped("no_licence")
    user = user_message(wanted)
    if isinstance(user, Dropped):
        return user
    return Message(role="system", content=system), Message(role="user", content=user)


def edit_answer(wanted: Wanted) -> str | Dropped:
    """The change as the agent reads it, tried out on the text that the prompt shows."""
    if wanted.before == wanted.after:
        return Dropped("no_change")
    if "\r" in wanted.before or "\r" in wanted.after:
        # The agent writes such files back with other line ends.
        return Dropped("carriage_returns")
    try:
        answer = written(edits_between(wanted.path, wanted.before, wanted.after, wanted.before))
        edits = read(answer)
        outcome = applied(edits, {wanted.path: wanted.before})[wanted.path]
    except ValueError as error:
        return Dropped("edits_cannot_say_it", str(error))
    if outcome != wanted.after:
        return Dropped("edits_cannot_say_it", "they lead elsewhere")
    if any(edit.search not in wanted.before for edit in edits):
        return Dropped("search_not_shown")
    return answer


def origin_of(row: PublishedRow, wanted: Wanted) -> Origin:
    """Where a row comes from: the published set counts as its repository."""
    return Origin(
        source="cold_start",
        repo=row.dataset,
        domain="",
        licence=row.licence,
        sha=wanted.sha,
        patch_id="",
        committed_at=0,
        task_id="",
        attempt_ids=(),
        call_number=-1,
        row=row.row,
    )
