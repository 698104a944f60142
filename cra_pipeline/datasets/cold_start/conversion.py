"""Which reading of a row belongs to which published set."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from cra_pipeline.contracts.cold_start import ColdStartFile, PublishedRow
from cra_pipeline.contracts.datasets import DpoExample, SftExample
from cra_pipeline.datasets.cold_start.blocks import wanted_blocks
from cra_pipeline.datasets.cold_start.commits import wanted_commit
from cra_pipeline.datasets.cold_start.diff_steps import wanted_diffs
from cra_pipeline.datasets.cold_start.examples import sft_example
from cra_pipeline.datasets.cold_start.favor import FavorPolicy, favored
from cra_pipeline.datasets.cold_start.lint import faulty_lines
from cra_pipeline.datasets.cold_start.lintseq import Linter, LintSeqPolicy, steps_of
from cra_pipeline.datasets.cold_start.programs import PROGRAM_SETS, wanted_program
from cra_pipeline.datasets.cold_start.wanted import Dropped, Wanted

_COMMITS = "commitpackft"
_BLOCKS = "search_replace"
_DIFFS = "d3"
CONVERTED = frozenset({_COMMITS, _BLOCKS, _DIFFS}) | PROGRAM_SETS
"""Sets that a conversion is known for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ConversionPolicy:
    """The numbers of converting.

    Attributes:
        least_test_score: Share of its tests that a program has to pass, where the set says it.
        lintseq: Of edit sequences.
        favor: Of preference pairs.
        seed: Seeds edit sequences.
    """

    least_test_score: float = 1.0
    lintseq: LintSeqPolicy = field(default_factory=LintSeqPolicy)
    favor: FavorPolicy = field(default_factory=FavorPolicy)
    seed: int = 0


def require_fit(entry: ColdStartFile) -> None:
    """Refuse an entry that asks of a set what it cannot give.

    Raises:
        ValueError: Edit sequences of what are no whole programs, a linter without them, or pairs
            of what is no commit.
    """
    if entry.edits == "lintseq" and entry.set not in PROGRAM_SETS:
        raise ValueError(
            f'edits = "lintseq" for {entry.set}: it holds no whole programs, expected one of '
            f"{', '.join(sorted(PROGRAM_SETS))}"
        )
    if entry.linter != "built_in" and entry.edits != "lintseq":
        raise ValueError(
            f'linter = "{entry.linter}" for {entry.set}: only edit sequences are linted: '
            'edits = "lintseq"'
        )
    if entry.pairs and entry.set != _COMMITS:
        raise ValueError(f"pairs = true for {entry.set}: only commits give pairs ({_COMMITS})")


Converted = SftExample | DpoExample | Dropped


def wanted_of(row: PublishedRow, policy: ConversionPolicy) -> Wanted | Dropped:
    """The change that a row asks for.

    Raises:
        ValueError: No conversion is known for its set.
    """
    if row.dataset == _COMMITS:
        return wanted_commit(row)
    if row.dataset == _BLOCKS:
        return wanted_blocks(row)
    if row.dataset == _DIFFS:
        return wanted_diffs(row)
    if row.dataset in PROGRAM_SETS:
        return wanted_program(row, least_test_score=policy.least_test_score)
    raise ValueError(f"no conversion for {row.dataset!r}: expected {', '.join(sorted(CONVERTED))}")


def converted(
    row: PublishedRow,
    entry: ColdStartFile,
    system: str,
    policy: ConversionPolicy,
    *,
    linter: Linter = faulty_lines,
) -> Iterator[Converted]:
    """Examples of one row, and why others came to nothing; at least one of either.

    Args:
        row: A published row.
        entry: What the user asked of its file.
        system: The agent's system prompt for the call.
        policy: The numbers.
        linter: Calls the states of edit sequences clean.
    """
    wanted = _unfit(row) or wanted_of(row, policy)
    if isinstance(wanted, Dropped):
        yield wanted
        return
    if entry.edits == "lintseq":
        steps = steps_of(wanted, policy.lintseq, seed=f"{policy.seed}:{row.row}", linter=linter)
        if isinstance(steps, Dropped):
            yield steps
        else:
            yield from (sft_example(row, step, system) for step in steps)
    else:
        yield sft_example(row, wanted, system)
    if entry.pairs:
        yield favored(row, wanted, system, policy.favor)


def _unfit(row: PublishedRow) -> Dropped | None:
    if row.fault:
        return Dropped(row.fault)
    if not row.licence:
        return Dropped("no_licence")
    return None if _is_text(row) else Dropped("not_unicode")


def _is_text(row: PublishedRow) -> bool:
    """Whether all texts can be written down: JSON may hold halves of characters."""
    try:
        "".join(row.texts.values()).encode()
    except UnicodeEncodeError:
        return False
    return True
