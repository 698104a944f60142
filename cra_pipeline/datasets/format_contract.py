"""What a dataset's rows must be before anything is trained on them. Pure.

Messages are what was logged, byte for byte; tokens are what the server makes of them; what is
trained is the answer, whole, and one end-of-turn token behind it. Whether a right answer is the
one that the diff knows is not asked here: ``proof`` does.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

from cra_pipeline.contracts.calls import CallRecord
from cra_pipeline.contracts.chat import Rendering
from cra_pipeline.contracts.datasets import CandidateRow
from cra_pipeline.contracts.ports import ChatFormat

MOST = 20
"""Findings that are told; the rest is counted."""
_SHOWN = 40

Calls = Callable[[CandidateRow, str], Mapping[int, CallRecord]]
"""Logged calls of a row's attempt (its id is the second argument), by number; empty without log."""
ServerTokens = Callable[[str, str], Sequence[int]]
"""What a server makes of a system text and a prompt, the answering turn opened."""


def findings(
    rows: Iterable[CandidateRow],
    *,
    chat: ChatFormat,
    window: int,
    calls: Calls | None,
    server: ServerTokens | None = None,
) -> tuple[str, ...]:
    """What does not hold of a dataset, one sentence each; at most ``MOST`` and a count.

    Args:
        rows: The dataset's, in any order (``contracts.datasets.candidate`` makes them).
        chat: The base's chat template and tokenizer.
        window: Most tokens of a conversation, its end-of-turn token included.
        calls: Finds what the gateway logged; None where other code has compared it already.
        server: Asks the server itself, for each prompt; None where none is at hand.

    Returns:
        Nothing where the dataset may be registered.
    """
    found = [*format_faults(chat)]
    for row in rows:
        of_row = [
            *(logged_faults(row, calls) if calls else ()),
            *token_faults(row, chat, window=window, server=server),
        ]
        found += [f"{row.example_id[:12]}: {fault}" for fault in of_row]
    more = len(found) - MOST
    return (*found[:MOST], f"and {more} more findings") if more > 0 else tuple(found)


def format_faults(chat: ChatFormat) -> Iterator[str]:
    """What makes a tokenizer unfit for training, whatever the rows are."""
    if len(chat.end_ids) != 1:
        yield (
            f"{chat.name}: end of turn {chat.end_of_turn!r} becomes {len(chat.end_ids)} tokens, "
            "expected one: name the token with which the chat template ends a turn"
        )
    if chat.pad_id is None:
        yield f"{chat.name}: no pad token: name one that is not {chat.end_of_turn!r}"
    elif chat.end_ids == (chat.pad_id,):
        yield (
            f"{chat.name}: pad token and end of turn are both {chat.end_of_turn!r}: trainers leave "
            "padding out of the loss, and the end with it; name another in tokenizer_config.json"
        )


def logged_faults(row: CandidateRow, calls: Calls) -> Iterator[str]:
    """Where a row's messages are not what the gateway logged; nothing of published rows."""
    if row.origin.call_number < 0:
        return
    sides = ("chosen", "rejected") if row.form == "dpo" else ("answering",)
    for at, (side, attempt) in enumerate(zip(sides, row.origin.attempt_ids, strict=False)):
        asked = _asked(row, calls(row, attempt), first=at == 0)
        same = [call for call in asked if (call.system, call.prompt) == (row.system, row.prompt)]
        where = f"the {side} attempt {attempt[:12]}"
        if not asked:
            yield f"{where} did not log its call"
        elif not same:
            yield f"its prompt is not what {where} logged ({_difference(row, asked[0])})"
        elif _by_model(row) and row.answers[at] not in {call.response for call in same}:
            yield f"its answer is not what {where} logged"


def _asked(
    row: CandidateRow, log: Mapping[int, CallRecord], *, first: bool
) -> tuple[CallRecord, ...]:
    """Calls that may be the row's: of the first attempt the one whose number the row says."""
    if not first:
        return tuple(log.values())
    return tuple(call for number, call in log.items() if number == row.origin.call_number)


def _by_model(row: CandidateRow) -> bool:
    # Where the diff wrote the completion, the model may well have answered otherwise.
    return row.form == "dpo" or bool(row.origin.author)


def _difference(row: CandidateRow, call: CallRecord) -> str:
    for name, found, logged in (
        ("system text", row.system, call.system),
        ("prompt", row.prompt, call.prompt),
    ):
        if found != logged:
            pairs = enumerate(zip(found, logged, strict=False))
            place = next((at for at, (a, b) in pairs if a != b), min(len(found), len(logged)))
            return f"{name}, first difference at character {place}"
    raise ValueError("no difference: both texts are equal")


def token_faults(
    row: CandidateRow, chat: ChatFormat, *, window: int, server: ServerTokens | None = None
) -> Iterator[str]:
    """What a row becomes under a chat template, where it is not what will be served."""
    for answer in row.answers:
        made = chat.render(row.system, row.prompt, answer)
        yield from _answer_faults(made, answer, chat)
        if (length := len(made.prompt_ids) + len(trained_ids(made, chat))) > window:
            yield f"{length} tokens, at most {window} fit: leave it out, nothing is ever cut"
    if server is not None:
        local, served = made.prompt_ids, tuple(server(row.system, row.prompt))
        if local != served:
            yield (
                f"the server makes {len(served)} tokens of its prompt, the tokenizer "
                f"{len(local)}; they part at token {_parting(local, served)}"
            )


def _answer_faults(made: Rendering, answer: str, chat: ChatFormat) -> Iterator[str]:
    if made.answer_text is None:
        yield "the template renders its prompt otherwise once it is answered"
        return
    body, end, tail = made.answer_text.partition(chat.end_of_turn)
    if not end:
        yield f"no end of turn {chat.end_of_turn!r} behind its answer"
    elif chat.end_of_turn in tail or chat.end_of_turn in answer:
        yield f"more than one end of turn {chat.end_of_turn!r} would be trained"
    elif tail.strip():
        yield f"the template sets {_short(tail)} behind the end of turn"
    elif body != answer:
        yield f"would train {_short(body)}, its answer is {_short(answer)}"
    else:
        yield from _id_faults(made, answer, chat)


def _id_faults(made: Rendering, answer: str, chat: ChatFormat) -> Iterator[str]:
    trained = trained_ids(made, chat)
    if chat.decode(trained[:-1]) != answer:
        yield "its answer is another one when its tokens are read back"
    if trained[-1:] != chat.end_ids or trained.count(trained[-1]) != 1:
        yield "its last trained token is not the only end of turn"
    if made.whole_ids != made.prompt_ids + made.answer_ids:
        yield (
            "a token lies across prompt and answer: tokenized as a whole it is no prompt that "
            "the server makes"
        )


def trained_ids(made: Rendering, chat: ChatFormat) -> tuple[int, ...]:
    """Tokens that are trained: the answer and the end of its turn, none of what follows that."""
    (end,) = chat.end_ids[:1] or (None,)
    if end not in made.answer_ids:
        return made.answer_ids
    return made.answer_ids[: made.answer_ids.index(end) + 1]


def _parting(one: Sequence[int], other: Sequence[int]) -> int:
    pairs = enumerate(zip(one, other, strict=False))
    return next((at for at, (a, b) in pairs if a != b), min(len(one), len(other)))


def _short(text: str) -> str:
    return repr(text if len(text) <= _SHOWN else f"{text[:_SHOWN]}…")
