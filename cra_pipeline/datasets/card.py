"""The data card: what a dataset is made of, for a person. Pure."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from cra_pipeline.contracts.datasets import DatasetManifest
from cra_pipeline.contracts.manifests import Count
from cra_pipeline.datasets.facts import Facts
from cra_pipeline.kinds import ADAPTER_KINDS

MEANINGS = {
    "balance": "more of one answer, yes or no, than may stand beside the other",
    "benchmark_commit": "a commit of a public benchmark",
    "benchmark_repository": "of a repository that a public benchmark is made of",
    "beyond_plan": "more than the training plan wants; its first sources were taken first",
    "cap": "more of one domain or repository than a dataset may hold",
    "contradicted": "the same question was answered yes and no, so neither is trusted",
    "duplicate": "prompt and answer were there before",
    "earlier_round": "of an earlier round, and not drawn for replay",
    "held_out_change": "the change of a kept-out commit under another commit",
    "held_out_code": "repeats the code of a kept-out task",
    "held_out_commit": "a commit that is kept for the gates",
    "held_out_repository": "of a repository that is kept for the gates",
    "held_out_statement": "repeats the words of a kept-out task",
    "near_duplicate": "nearly the text of an earlier row",
    "room_for_replay": "given up so that replay finds its share",
    "same_change": "the same change was there before, under another commit",
    "self_generated": "more rows written by students than a dataset may hold",
    "taken_down": "descends from what was taken down",
    "too_long": "does not fit the window; rows are never cut",
    "unfit_for_template": "would train another text than the answer under the base's chat template",
}
"""What it means that a rule left a candidate out."""
LABELS = {
    "diff": "the commit's diff knows the right answer",
    "fail_fast": "a commit that leaves a file which lets errors show: good style, to be imitated",
    "passed": "the attempt passed its hidden tests",
    "pre_commit": "the commit hardened one function; the code before it is rejected",
    "published": "a published data set says so",
    "botched_edit": "the rejected edit could not be applied",
    "wrong_code": "the rejected edit failed the hidden tests",
    "wrong_plan": "the rejected plan did not fit the commit, and its attempt failed",
}
"""What it means that a row has a label: why its answer is right, or its rejected one lost."""
LOGGED = (
    "asked in an attempt or run: the messages are byte for byte what the model gateway "
    "logged (a yes or no, or a text that the commit's diff knows, is the diff's answer), and the "
    "row names its commit, attempt and call"
)
MINED = (
    "of commits that nobody attempted, written as the agent would have asked: the row names its "
    "commit and file"
)
PUBLISHED = (
    "from published data sets, written as the agent would have asked: the row names its file, "
    "line and licence"
)

_TEMPLATES = Path(__file__).parent / "templates"


@dataclass(frozen=True, slots=True, kw_only=True)
class CardFacts:
    """What a card says beyond the manifest.

    Attributes:
        by_call: Rows by call kind and, of yes/no questions, answer.
        by_licence: Rows by licence.
        tokens: Of the longest row, and of all rows together.
        counting: How tokens were counted: ``words_on_tokens``.
        plan: What the training plan asked for, in words.
        calls: Call kinds of the agent that the rows train, sorted.
        origins: Rows by where their messages come from, in words.
        reasoning: Plans among the candidates that came with a model's reasoning, by call kind and
            model; None for kinds that do not plan.
        plots: File names of the plots beside the card, with their titles.
    """

    by_call: tuple[Count, ...]
    by_licence: tuple[Count, ...]
    tokens: tuple[int, int]
    counting: str
    plan: str
    calls: tuple[str, ...]
    origins: tuple[Count, ...]
    reasoning: tuple[Count, ...] | None
    plots: tuple[tuple[str, str], ...]


def data_card(manifest: DatasetManifest, facts: CardFacts) -> str:
    """Markdown; equal arguments give equal text."""
    environment = Environment(
        loader=FileSystemLoader(_TEMPLATES),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        autoescape=False,  # noqa: S701  # Markdown, no HTML; cells are escaped by the filter below
    )
    environment.filters["cell"] = _cell
    return environment.get_template("card.md.j2").render(
        manifest=manifest,
        facts=facts,
        kind=ADAPTER_KINDS[manifest.adapter_kind],
        numbers=_numbers(manifest.policy),
        meanings=MEANINGS,
        labels=LABELS,
        tables=(
            ("Source", manifest.by_source),
            ("Domain", manifest.by_domain),
            ("Repository", manifest.by_repo),
            ("Kind of call and answer", facts.by_call),
            ("Round that first admitted it", manifest.by_round),
            ("Licence", facts.by_licence),
        ),
    )


def words_on_tokens(name: str, *, exact: bool) -> str:
    """How tokens were counted, for a reader who trusts no number without its scale."""
    if exact:
        return f"counted by the base's tokenizer, {name}; every row was held against its template"
    return (
        f"estimated, {name}: the workspace has no tokenizer of the base, and no row was held "
        "against a chat template"
    )


def words_on_origin(row: Facts) -> str:
    """Where a row's messages come from."""
    if row.source == "cold_start":
        return PUBLISHED
    return LOGGED if row.task_id else MINED


def words_on_plan(wanted: int, sources: Sequence[str], *, planned: bool) -> str:
    """What the training plan asked for."""
    if not planned:
        return "none was made for this round: all candidates were wanted"
    amount = f"at most {wanted} rows" if wanted else "all pairs that there are"
    return f"{amount}, first from {', '.join(sources)}" if sources else amount


def _numbers(policy: str) -> list[tuple[str, str]]:
    """Numbers of each rule as ``name = value``, sorted."""
    return sorted(
        (name, ", ".join(f"{key} = {json.dumps(said)}" for key, said in sorted(value.items())))
        if isinstance(value, dict)
        else (name, json.dumps(value))
        for name, value in json.loads(policy).items()
    )


def counted(labels: Sequence[str]) -> tuple[Count, ...]:
    """Labels with how often each occurs, the most frequent first, then by label."""
    tallies = sorted(Counter(labels).items(), key=lambda item: (-item[1], item[0]))
    return tuple(Count(label=label, count=count) for label, count in tallies)


def _cell(text: object) -> str:
    words = " ".join(str(text).split())
    return words.replace("\\", "\\\\").replace("|", "\\|").replace("<", "&lt;") or "(none)"
