"""Files beside the touched ones that a question is worth: near, alike in words, and any."""

from __future__ import annotations

import random
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from cra_pipeline.ranking.words import words


@dataclass(frozen=True, slots=True)
class CandidatePolicy:
    """How many of each kind.

    Attributes:
        near: Nearest by path to a touched file.
        alike: Best by BM25 of the subject.
        drawn: Drawn from the rest of the tree.
        further: Drawn for training only, after those.
        seed: Of the draws.
    """

    near: int = 4
    alike: int = 4
    drawn: int = 4
    further: int = 12
    seed: int = 1


def candidate_kinds(
    paths: Sequence[str],
    touched: Iterable[str],
    scores: Sequence[float],
    policy: CandidatePolicy,
    *,
    name: str,
) -> dict[str, str]:
    """Why each candidate is one: ``touched``, ``near``, ``alike``, ``drawn`` or ``further``.

    Args:
        paths: All files of the tree.
        touched: Those that the change touches.
        scores: BM25 of the subject, by position in ``paths``.
        policy: The numbers.
        name: Of the commit: the draw depends on it and on the seed.
    """
    right = sorted(set(touched))
    score = dict(zip(paths, scores, strict=True))
    rest = [path for path in sorted(paths) if path not in set(right)]
    random.Random(f"{policy.seed}:{name}").shuffle(rest)  # noqa: S311  # a repeatable draw, no secret
    kinds = dict.fromkeys(right, "touched")
    near = sorted(rest, key=lambda path: min(_distance(path, one) for one in right))
    kinds |= dict.fromkeys(near[: policy.near], "near")
    rest = [path for path in rest if path not in kinds]
    alike = sorted(rest, key=lambda path: -score[path])
    kinds |= dict.fromkeys(alike[: policy.alike], "alike")
    rest = [path for path in rest if path not in kinds]
    kinds |= dict.fromkeys(rest[: policy.drawn], "drawn")
    end = policy.drawn + policy.further
    return kinds | dict.fromkeys(rest[policy.drawn : end], "further")


def _distance(one: str, other: str) -> float:
    """Folders from one file to the other, less a share for words that their names have alike."""
    first, second = one.split("/"), other.split("/")
    alike = 0
    while alike < min(len(first), len(second)) - 1 and first[alike] == second[alike]:
        alike += 1
    named = [set(words(parts[-1].removesuffix(".py"))) for parts in (first, second)]
    shared = len(named[0] & named[1]) / (1 + len(named[0] | named[1]))
    return len(first) + len(second) - 2 * alike - 2 - shared
