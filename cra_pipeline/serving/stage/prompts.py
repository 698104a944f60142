"""Prompts that an agent really sent, by call kind, from the triples of all rounds."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterator
from dataclasses import dataclass

from cra_pipeline.contracts.triples import TripleRow
from cra_pipeline.contracts.workspace import Layout
from cra_pipeline.integrations.files import iterate_table
from cra_pipeline.kinds import CALL_KINDS


@dataclass(frozen=True, slots=True, kw_only=True)
class LoggedPrompt:
    """A question as it was asked.

    Attributes:
        call_kind: What was asked.
        prompt_hash: SHA-256 of both texts.
        system: System text.
        prompt: User text.
        source: Where it is logged, such as ``triples/till|r01``.
    """

    call_kind: str
    prompt_hash: str
    system: str
    prompt: str
    source: str


def sample(
    layout: Layout, *, most: int, seed: int = 0, call_kinds: Collection[str] | None = None
) -> tuple[dict[str, tuple[LoggedPrompt, ...]], int]:
    """Some different prompts of each call kind, drawn by hash: the same rows give the same ones.

    Args:
        layout: The workspace.
        most: Of each kind.
        seed: Of the draw.
        call_kinds: Only these; all if not given.

    Returns:
        By call kind, sorted by hash, kinds without any left out; and how many there were.

    Raises:
        StoreError: A table is damaged.
    """
    drawn: dict[str, dict[str, tuple[str, LoggedPrompt]]] = {}
    seen: set[str] = set()
    for prompt in logged(layout):
        if call_kinds is not None and prompt.call_kind not in call_kinds:
            continue
        if prompt.prompt_hash in seen:
            continue
        seen.add(prompt.prompt_hash)
        rank = hashlib.sha256(f"{seed}:{prompt.prompt_hash}".encode()).hexdigest()
        kept = drawn.setdefault(prompt.call_kind, {})
        kept[prompt.prompt_hash] = (rank, prompt)
        if len(kept) > most:
            del kept[max(kept, key=lambda key: kept[key][0])]
    found = {
        kind: tuple(sorted((pair[1] for pair in kept.values()), key=lambda one: one.prompt_hash))
        for kind, kept in sorted(drawn.items())
    }
    return found, len(seen)


def logged(layout: Layout) -> Iterator[LoggedPrompt]:
    """Every logged prompt of every table, tables in order.

    Raises:
        StoreError: A table is damaged.
    """
    folder = layout.root / "triples"
    for path in sorted(folder.glob("*/*/triples.parquet")):
        repo, round_name = path.parent.parent.name, path.parent.name
        for row in iterate_table(path, TripleRow):
            if row.prompt_source == "logged" and row.call_kind in CALL_KINDS:
                yield LoggedPrompt(
                    call_kind=row.call_kind,
                    prompt_hash=row.prompt_hash,
                    system=row.system,
                    prompt=row.prompt,
                    source=f"triples/{repo}|{round_name}",
                )
