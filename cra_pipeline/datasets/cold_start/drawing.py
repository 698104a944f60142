"""Draws rows by seed, whatever order or files they come in, without holding them all."""

from __future__ import annotations

import hashlib
import heapq
import json
from collections.abc import Iterable

from cra_pipeline.contracts.cold_start import PublishedRow


def draw(rows: Iterable[PublishedRow], count: int, seed: int) -> tuple[PublishedRow, ...]:
    """``count`` rows, or all for 0; rows with equal texts count once.

    Memory is that of the rows that are kept. The same rows in another order, or cut into other
    files, give the same texts in the same order.
    """
    kept: dict[int, PublishedRow] = {}
    largest: list[int] = []
    for row in rows:
        key = _key(row, seed)
        if key in kept:
            kept[key] = min(kept[key], row, key=lambda either: either.row)
            continue
        if count and len(kept) >= count:
            if key > -largest[0]:
                continue
            del kept[-heapq.heappop(largest)]
        kept[key] = row
        heapq.heappush(largest, -key)
    return tuple(kept[key] for key in sorted(kept))


def _key(row: PublishedRow, seed: int) -> int:
    said = json.dumps([seed, row.dataset, sorted(row.texts.items())], ensure_ascii=False)
    # Surrogates may stand in a JSON file; they have no UTF-8 of their own.
    return int.from_bytes(hashlib.sha256(said.encode(errors="surrogatepass")).digest())
