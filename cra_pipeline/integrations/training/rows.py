"""Rows of a dataset as tokens, ready to be trained: nothing cut, and one end of turn behind each.

Tokens are made by the base's own chat format, as everywhere in the project, and not by a training
library: those drop long rows in silence, cut ends of turns off, and train an empty thought.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from cra_pipeline.contracts.adapters import AdapterRecipe
from cra_pipeline.contracts.chat import Rendering
from cra_pipeline.contracts.datasets import CandidateRow, DpoExample, SftExample, candidate
from cra_pipeline.contracts.ports import ChatFormat
from cra_pipeline.errors import ModelError, TrainingError

MASKED = -100
"""Label of a token that no loss is taken of, as torch has it."""


@dataclass(frozen=True, slots=True)
class PreparedRow:
    """One row in tokens.

    Attributes:
        example_id: Of the dataset's row.
        committed_at: Committer date in seconds since the epoch; 0 for published rows.
        prompt: Tokens that no loss is taken of.
        answers: Trained tokens, the end of turn last: the completion, or chosen and rejected.
    """

    example_id: str
    committed_at: int
    prompt: tuple[int, ...]
    answers: tuple[tuple[int, ...], ...]

    @property
    def labels(self) -> tuple[int, ...]:
        """Labels of a supervised row, as long as prompt and completion together."""
        return (MASKED,) * len(self.prompt) + self.answers[0]

    @property
    def tokens(self) -> int:
        """Of the longest of its conversations."""
        return len(self.prompt) + max(map(len, self.answers))


def prepared(
    rows: Iterable[SftExample | DpoExample], chat: ChatFormat, recipe: AdapterRecipe
) -> tuple[PreparedRow, ...]:
    """Rows in tokens, in order.

    Raises:
        TrainingError: There is none, the end of turn is not one token, or a row is longer than the
            window, or would not end its turn exactly once.
    """
    if len(chat.end_ids) != 1 or chat.end_of_turn != recipe.end_of_turn:
        raise TrainingError(
            f"{chat.name}: its end of turn {chat.end_of_turn!r} is {len(chat.end_ids)} tokens, the "
            f"recipe says {recipe.end_of_turn!r}: expected the same text, and one token"
        )
    found = tuple(_row(candidate(row), chat, recipe.window) for row in rows)
    if not found:
        raise TrainingError(f"{recipe.adapter_kind} {recipe.round}: no rows to train on")
    return found


def _row(row: CandidateRow, chat: ChatFormat, window: int) -> PreparedRow:
    try:
        made = [chat.render(row.system, row.prompt, answer) for answer in row.answers]
    except ModelError as error:
        raise TrainingError(f"row {row.example_id}: {error}") from error
    (end,) = chat.end_ids
    found = PreparedRow(
        row.example_id,
        row.origin.committed_at,
        made[0].prompt_ids,
        tuple(_trained(one, end) for one in made),
    )
    for answer in found.answers:
        require_end(found.example_id, answer, end)
    if found.tokens > window:
        raise TrainingError(
            f"row {row.example_id}: {found.tokens} tokens, the window holds {window}: curate the "
            "dataset for this window, or train on a base with a longer one; nothing is ever cut"
        )
    return found


def _trained(made: Rendering, end: int) -> tuple[int, ...]:
    # Templates write a line break behind the end of a turn: nobody waits for it.
    ids = made.answer_ids
    return ids[: len(ids) - ids[::-1].index(end)] if end in ids else ids


def require_end(example_id: str, trained: Sequence[int], end: int) -> None:
    """Refuse trained tokens of which the end of turn is not the last one, and the only one.

    Raises:
        TrainingError: As said.
    """
    if list(trained[-1:]) != [end] or list(trained).count(end) != 1:
        raise TrainingError(
            f"row {example_id}: the end of turn (token {end}) stands {list(trained).count(end)} "
            "times among its trained tokens, expected once, as the last: a model trained so never "
            "stops, or stops within; mend the base's chat template or leave the row out"
        )


def newest_apart(
    rows: Sequence[PreparedRow], share: float
) -> tuple[tuple[PreparedRow, ...], tuple[PreparedRow, ...]]:
    """Rows to train on and rows to validate on, each in the given order.

    The newest commits are held back, whole: as many as fit into the share, and the newest one at
    least, unless it is more than half of all. Published rows are never held back.

    Args:
        rows: In the order of the dataset.
        share: Rows to hold back, in [0, 1).
    """
    sizes = Counter(row.committed_at for row in rows if row.committed_at)
    held: set[int] = set()
    room = share * len(rows)
    for date in sorted(sizes, reverse=True):
        first = not held and share > 0 and sizes[date] * 2 <= len(rows)
        if not first and sizes[date] > room:
            break
        held.add(date)
        room -= sizes[date]
    return (
        tuple(row for row in rows if row.committed_at not in held),
        tuple(row for row in rows if row.committed_at in held),
    )
