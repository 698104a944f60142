"""Rows of the curated datasets, and what is written beside them.

A row is a conversation as the agent held it, and its origin: from every line one can walk back to
a commit, an attempt and a call, or to a line of a published data set.
"""

from __future__ import annotations

import hashlib
import json
from typing import Literal

from cra_pipeline.contracts.manifests import Count, Input
from cra_pipeline.contracts.record import Record

Source = Literal["logged", "synthetic", "harness", "cold_start"]
"""``logged``: the agent's own runs on a user's work; ``synthetic``: right answers known from a
commit's diff; ``harness``: attempts judged by hidden tests; ``cold_start``: published data sets."""


class Message(Record):
    """One message of a conversation."""

    role: Literal["system", "user", "assistant"]
    content: str
    """Exactly as it was logged."""


class Origin(Record):
    """Where a row comes from; texts are empty where a source has no such thing."""

    source: Source
    repo: str
    """Key of the repository; for cold start the published data set's name."""
    domain: str
    """Of the repository; empty for cold start, which counts as a source and not as a domain."""
    licence: str
    sha: str
    """Full id of the commit."""
    patch_id: str
    """Of the commit's change: equal for a change that was picked onto another branch."""
    committed_at: int
    """Committer date in seconds since the epoch; 0 for cold start."""
    task_id: str
    attempt_ids: tuple[str, ...]
    """The answering attempt; of a preference pair the chosen one, then the rejected one."""
    call_number: int
    """Of the call within the first of ``attempt_ids``; -1 where no call was made."""
    row: str
    """``triple_id`` or ``pair_id``; of a commit that nobody attempted the path of its file; for
    cold start file name and line, such as ``a.jsonl:17``."""
    author: str = ""
    """Model that wrote the completion (of a pair the chosen one), as its call's log names it; empty
    where a commit's diff or a published data set did."""


class SftExample(Record):
    """One prompt and the completion to imitate (row of ``sft.jsonl``)."""

    example_id: str
    """SHA-256 of adapter kind and messages."""
    adapter_kind: str
    """Key of ``kinds.ADAPTER_KINDS``."""
    call_kind: str
    """Key of ``kinds.CALL_KINDS``."""
    round: str
    """Training round that first admitted this example, such as ``r01``."""
    label: str
    """Why the completion is right, such as ``passed``, ``diff`` or ``published``."""
    prompt: tuple[Message, ...]
    """System and user message."""
    completion: tuple[Message, ...]
    """The assistant's message."""
    origin: Origin


class DpoExample(Record):
    """One prompt and two completions (row of ``dpo.jsonl``)."""

    example_id: str
    """SHA-256 of adapter kind and messages."""
    adapter_kind: str
    call_kind: str
    round: str
    label: str
    """Why the rejected one lost."""
    prompt: tuple[Message, ...]
    chosen: tuple[Message, ...]
    rejected: tuple[Message, ...]
    origin: Origin


class CandidateRow(Record):
    """A row that a round offers to datasets (row of ``round_increment.parquet``).

    No rule on whole datasets has been asked yet: what is wrong with a row on its own is not here.
    """

    example_id: str
    """As it will be of the dataset's row."""
    form: Literal["sft", "dpo"]
    adapter_kind: str
    call_kind: str
    round: str
    label: str
    system: str
    prompt: str
    answers: tuple[str, ...]
    """The completion; of a pair the chosen one, then the rejected one."""
    thinking: str
    """How a teacher reasoned before the (chosen) completion; empty where none did."""
    origin: Origin


class RowOrigin(Record):
    """Where one row of a dataset came from (row of ``dataset_origins/…/<content id>.parquet``).

    Kept for good: what was trained from a dataset can be told after its rows were replaced.
    """

    example_id: str
    origin: Origin


class PlanDocumentRow(Record):
    """A plan that a history holds, judged by what followed it (row of ``plan_documents.parquet``).

    Prose, not in the form of the agent's planning calls: for the base fine-tune, never for an
    adapter.
    """

    repo: str
    round: str
    """To which its commit belongs; what came after that round's cut-off did not judge it."""
    sha: str
    """Commit that added it."""
    path: str
    committed_at: int
    """Committer date in seconds since the epoch."""
    domain: str
    licence: str
    task: str
    """Its heading, else the first line of the commit's message."""
    text: str
    """As it was committed first."""
    names: tuple[str, ...]
    """Code files that it names, sorted."""
    label: Literal["good", "fine", "bad", "abandoned"]
    reason: str
    """In words, with numbers."""
    imitate: bool
    """Whether it may be a completion to imitate."""
    prefer: bool
    """Whether it may be the chosen side of a pair."""
    reject: bool
    """Whether it may be the rejected side, against the plan of ``replaced_by`` alone."""
    followed_by: tuple[str, ...]
    """Commits that worked on its files while it was fresh, in order."""
    replaced_by: str
    """Commit of the plan that took its place; empty where none did."""


class PoolRow(Record):
    """What one round, or the cold start, gives to a pool (row of ``round_pool.parquet``)."""

    name: str
    """Asset and partition, such as ``round_increment/r01`` or ``cold_start``."""
    content_id: str
    rows: int


class DatasetManifest(Record):
    """``manifest.json`` of one dataset, written last: with it the dataset is done."""

    adapter_kind: str
    round: str
    form: Literal["sft", "dpo"]
    rows: int
    replayed: int
    """Rows that an earlier round admitted."""
    content_id: str
    """SHA-256 of the JSONL file's bytes."""
    inputs: tuple[Input, ...]
    """Content ids of everything that was read, sorted by name."""
    by_source: tuple[Count, ...]
    by_domain: tuple[Count, ...]
    by_repo: tuple[Count, ...]
    by_label: tuple[Count, ...]
    by_round: tuple[Count, ...]
    dropped: tuple[Count, ...]
    """Candidates that were left out, by the rule that left them out."""
    policy: str
    """Canonical JSON of every number that decided the rows."""


def example_id(adapter_kind: str, system: str, prompt: str, *answers: str) -> str:
    """``example_id`` of a row: SHA-256 of its adapter kind and its messages with their roles."""
    roles = ("system", "user", *["assistant"] * len(answers))
    messages = [list(pair) for pair in zip(roles, (system, prompt, *answers), strict=True)]
    text = json.dumps([adapter_kind, *messages], ensure_ascii=False)
    return hashlib.sha256(text.encode()).hexdigest()


def sft_example(row: CandidateRow) -> SftExample:
    """A candidate as it stands in ``sft.jsonl``.

    Raises:
        ValueError: It has not exactly one answer.
    """
    (completion,) = row.answers
    return SftExample(
        example_id=row.example_id,
        adapter_kind=row.adapter_kind,
        call_kind=row.call_kind,
        round=row.round,
        label=row.label,
        prompt=_prompt(row),
        completion=(Message(role="assistant", content=completion),),
        origin=row.origin,
    )


def dpo_example(row: CandidateRow) -> DpoExample:
    """A candidate as it stands in ``dpo.jsonl``.

    Raises:
        ValueError: It has not exactly two answers.
    """
    chosen, rejected = row.answers
    return DpoExample(
        example_id=row.example_id,
        adapter_kind=row.adapter_kind,
        call_kind=row.call_kind,
        round=row.round,
        label=row.label,
        prompt=_prompt(row),
        chosen=(Message(role="assistant", content=chosen),),
        rejected=(Message(role="assistant", content=rejected),),
        origin=row.origin,
    )


def candidate(row: SftExample | DpoExample) -> CandidateRow:
    """A dataset's row as a candidate again, such as one of a published data set.

    Raises:
        ValueError: Its messages are not one system and one user message, then one of the assistant.
    """
    form, answers = _answers(row)
    roles = [message.role for message in (*row.prompt, *answers)]
    if roles != ["system", "user", *["assistant"] * len(answers)]:
        raise ValueError(f"{row.example_id}: roles {roles}, expected system, user, assistant")
    return CandidateRow(
        example_id=row.example_id,
        form=form,
        adapter_kind=row.adapter_kind,
        call_kind=row.call_kind,
        round=row.round,
        label=row.label,
        system=row.prompt[0].content,
        prompt=row.prompt[1].content,
        answers=tuple(message.content for message in answers),
        thinking="",
        origin=row.origin,
    )


def _answers(row: SftExample | DpoExample) -> tuple[Literal["sft", "dpo"], tuple[Message, ...]]:
    if isinstance(row, SftExample):
        return "sft", row.completion
    return "dpo", (*row.chosen, *row.rejected)


def _prompt(row: CandidateRow) -> tuple[Message, ...]:
    return (Message(role="system", content=row.system), Message(role="user", content=row.prompt))
