"""Questions whose answer lies in one short segment, anywhere in a window full of others. Pure.

Everything is the corpus' own text: a repository's files at one commit are cut into segments of
about 128 tokens; one of them defines a function that no other one names; it is put anywhere
between the others, and asked for. A row is made of one repository and commit alone, so that its
origin tells all of it.
"""

from __future__ import annotations

import random
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from cra_pipeline.adapters.bundle.parts import BundlePolicy, row_of
from cra_pipeline.contracts.bundles import BundleRow
from cra_pipeline.contracts.datasets import Origin

SYSTEM = "You answer from the given files alone, with the exact words of the file."
_DEFINED = re.compile(r"^[ \t]*(?:async )?def (\w+)\(.*\).*:[ \t]*$", re.MULTILINE)
_WORD = re.compile(r"\w+")
_FILLED = 0.85
"""Of a window: estimates of tokens are off by some percent."""
_SHORTER = (1, 4, 8)
"""Rows take turns: a whole window, a quarter, an eighth."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Shelf:
    """The Python files of one repository at one commit.

    Attributes:
        origin: As rows tell it.
        round: To which the commit belongs.
        files: (path, text), sorted by path.
        letters: Of a token, on average over these files.
    """

    origin: Origin
    round: str
    files: tuple[tuple[str, str], ...]
    letters: float


@dataclass(frozen=True, slots=True)
class Segment:
    """Whole lines of one file."""

    path: str
    text: str


def segments(shelf: Shelf, tokens: int) -> tuple[Segment, ...]:
    """Files cut into segments of about so many tokens, at ends of lines, in order."""
    room = max(1, int(tokens * shelf.letters))
    return tuple(
        Segment(path, text) for path, whole in shelf.files for text in _pieces(whole, room)
    )


def _pieces(whole: str, room: int) -> Iterator[str]:
    piece = ""
    for line in whole.splitlines(keepends=True):
        if piece and len(piece) + len(line) > room:
            yield piece
            piece = ""
        piece += line
    if piece.strip():
        yield piece


def positional_rows(
    shelves: Sequence[Shelf], window: int, policy: BundlePolicy
) -> tuple[BundleRow, ...]:
    """Rows of all shelves in turn, as many as the policy wants or the texts give, sorted by id.

    Args:
        shelves: Of training repositories alone.
        window: Most tokens of a conversation.
        policy: How many, how long a segment is, and the seed.
    """
    lines = [list(_of_shelf(shelf, window, policy)) for shelf in shelves]
    longest = max(map(len, lines), default=0)
    turns = [rows[at] for at in range(longest) for rows in lines if at < len(rows)]
    found = {row.row_id: row for row in turns[: policy.positional]}
    return tuple(found[name] for name in sorted(found))


def _of_shelf(shelf: Shelf, window: int, policy: BundlePolicy) -> Iterator[BundleRow]:
    # Texts of a dataset are drawn, no secrets.
    draw = random.Random(f"{policy.seed} {shelf.origin.repo} {shelf.origin.sha}")  # noqa: S311
    pieces = segments(shelf, policy.segment)
    asked = _asked(pieces)
    draw.shuffle(asked)
    for number, (place, name, answer) in enumerate(asked[: policy.positional]):
        room = int(_FILLED * shelf.letters * (window // _SHORTER[number % len(_SHORTER)]))
        context = _context(pieces, place, room, draw)
        question = (
            f"{context}\n\nWhich line of {pieces[place].path} begins the definition of the "
            f"function {name}? Give the line alone."
        )
        yield row_of(
            "positional", (SYSTEM, question, "", answer), shelf.origin,
            call_kind="", round_name=shelf.round, window=window,
        )  # fmt: skip


def _asked(pieces: Sequence[Segment]) -> list[tuple[int, str, str]]:
    """(segment, function, its line) of functions whose name stands in one segment alone."""
    words = Counter(word for piece in pieces for word in {*_WORD.findall(piece.text)})
    found = []
    for place, piece in enumerate(pieces):
        own = list(_DEFINED.finditer(piece.text))
        told = Counter(hit[1] for hit in own)
        hit = next((hit for hit in own if words[hit[1]] == 1 and told[hit[1]] == 1), None)
        if hit is not None:
            found.append((place, hit[1], hit[0].strip()))
    return found


def _context(pieces: Sequence[Segment], place: int, room: int, draw: random.Random) -> str:
    """Segments up to so many letters, the asked one anywhere between the others."""
    others = [number for number in range(len(pieces)) if number != place]
    draw.shuffle(others)
    left, taken = room - len(_told(pieces[place])), []
    for number in others:
        left -= len(_told(pieces[number]))
        if left < 0:
            break
        taken.append(number)
    taken.insert(draw.randint(0, len(taken)), place)
    return "".join(_told(pieces[number]) for number in taken)


def _told(piece: Segment) -> str:
    return f"# {piece.path}\n{piece.text.rstrip()}\n\n"
