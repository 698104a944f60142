"""What the rules know of a row: small enough that a hundred thousand fit into memory.

Made in one pass over the rows, whose texts are then forgotten until the dataset is written.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass

from cra_pipeline.contracts.datasets import CandidateRow, Source
from cra_pipeline.contracts.rounds import round_number
from cra_pipeline.kinds import CALL_KINDS, read_verdict


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """One candidate.

    Attributes:
        example_id: Its key.
        call_kind: Key of ``CALL_KINDS``.
        round: That first admitted it.
        source: Where it comes from.
        repo: Key of its repository, or the published data set's name.
        domain: Empty for cold start.
        sha: Its commit.
        patch_id: Of its commit.
        task_id: Its task; empty of what no attempt asked for.
        verdict: What it answers to a yes/no question; None where it asks none.
        author: Model that wrote the completion; empty where none did.
        prompt_key: Digest of call kind and prompt, white space and case aside.
        text_key: Digest of the answers likewise.
        difficulty: For a curriculum, least first.
    """

    example_id: str
    call_kind: str
    round: str
    source: Source
    repo: str
    domain: str
    sha: str
    patch_id: str
    task_id: str
    verdict: bool | None
    author: str
    prompt_key: bytes
    text_key: bytes
    difficulty: tuple[int, int]

    @property
    def stratum(self) -> tuple[str, bool | None]:
        """Rows that a balance counts together: call kind and answer."""
        return self.call_kind, self.verdict

    @property
    def precedence(self) -> tuple[int, bool, str]:
        """Which of rows that say the same stays, least first: the older, then the logged one."""
        return round_number(self.round), not self.task_id, self.example_id


def facts_of(row: CandidateRow, *, difficulty: tuple[int, int] = (0, 0)) -> Facts:
    """The facts of a candidate, read from its texts and its origin."""
    return Facts(
        example_id=row.example_id,
        call_kind=row.call_kind,
        round=row.round,
        source=row.origin.source,
        repo=row.origin.repo,
        domain=row.origin.domain,
        sha=row.origin.sha,
        patch_id=row.origin.patch_id,
        task_id=row.origin.task_id,
        verdict=_verdict(row),
        author=row.origin.author,
        prompt_key=_key(row.call_kind, row.system, row.prompt),
        text_key=_key(*row.answers),
        difficulty=difficulty,
    )


def _verdict(row: CandidateRow) -> bool | None:
    kind = CALL_KINDS.get(row.call_kind)
    return read_verdict(row.answers[0]) if kind is not None and kind.form == "binary" else None


def _key(*texts: str) -> bytes:
    words = [" ".join(text.lower().split()) for text in texts]
    return hashlib.sha256(json.dumps(words).encode()).digest()[:16]


def rank(example_id: str, seed: int) -> str:
    """Place of a row in a seeded draw: by content alone, whatever order files are read in."""
    return hashlib.sha256(f"{seed}\0{example_id}".encode()).hexdigest()
