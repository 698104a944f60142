"""A negative control: the same rows with exchanged answers, nothing to learn in them. Pure.

What a gate says of an adapter that was trained on them is what it says of chance.
"""

from __future__ import annotations

import random
from collections.abc import Sequence

from cra_pipeline.contracts.datasets import SftExample


def shuffled_labels(rows: Sequence[SftExample], seed: int) -> tuple[SftExample, ...]:
    """The rows in their order, with the completions of each call kind dealt out anew.

    Shares of answers stay as they are. The rows keep their ids, which name the true ones.

    Args:
        rows: Of one dataset.
        seed: Equal rows and seeds give equal rows.
    """
    places: dict[str, list[int]] = {}
    for number, row in enumerate(rows):
        places.setdefault(row.call_kind, []).append(number)
    found = list(rows)
    for kind, numbers in sorted(places.items()):
        dealt = [rows[number].completion for number in numbers]
        random.Random(f"{kind} {seed}").shuffle(dealt)  # noqa: S311  # a repeatable draw, no secret
        for number, completion in zip(numbers, dealt, strict=True):
            found[number] = rows[number].model_copy(update={"completion": completion})
    return tuple(found)
