"""The closing half of the demo: from a round's triples to an adapter that serves, or does not."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import click

from cra_pipeline.cli.plan import OVER_REPOS, Cell
from cra_pipeline.cli.registry import print_registry
from cra_pipeline.cli.show_gates import show_gates
from cra_pipeline.cli.terminal import messages, tables
from cra_pipeline.contracts.rounds import RoundRecord
from cra_pipeline.contracts.triples import TripleRow
from cra_pipeline.contracts.workspace import MULTI, Layout
from cra_pipeline.integrations.files import read_table

if TYPE_CHECKING:
    from cra_pipeline.cli.execute import CellResult, Runner

KIND = "scope"
"""What the demo trains: its calls are many, and whether a file is meant shows in its words."""

HELD_TASKS = 12
"""Tasks on which each arm is judged, two of the held-out repository among them; the tiny base's
gate decides on eight and two."""

STEPS = 40
"""Of training: the loss is flat from then on, and the held-out answers are as good as after 80."""

_TEXTS = 400
"""Prompts that the tiny base's tokenizer is learnt from."""

OVERRIDE = "the demo: what happens to a version that is forced into service"


def round_cells(round_name: str) -> tuple[Cell, ...]:
    """All that a round makes of its triples, in the order of making."""
    cell = f"{KIND}{MULTI}{round_name}"
    own = ("sft_dataset", "adapter", "holdout_attempts", "gate_report")
    return (
        *(Cell(asset, round_name) for asset in OVER_REPOS),
        *(Cell(asset, cell) for asset in own),
        Cell("round_gate", round_name),
        Cell("registry_entry", cell),
    )


def second_round(layout: Layout) -> RoundRecord:
    """The round after the first, half a year later; opened where it is not yet.

    Raises:
        RoundError: It cannot be opened.
    """
    from cra_pipeline.corpus.recipes import TINY_WAIVERS, read_first_round
    from cra_pipeline.corpus.rounds import Frozen
    from cra_pipeline.corpus.stage import CORPUS, open_round, read_rounds
    from cra_pipeline.registry.stage.closings import incumbents

    first, *later = read_rounds(layout)
    if later:
        return later[0]
    return open_round(
        layout,
        cut_off=read_first_round(CORPUS / "tiny").next_seconds(),
        repos=[name for name, _ in first.pins],
        held_out=(),
        frozen=Frozen(incumbents=incumbents(layout), waivers=TINY_WAIVERS),
    )


def close_loop(
    runner: Runner,
    layout: Layout,
    round_name: str,
    patience: Mapping[str, object],
    *,
    control: bool,
) -> list[CellResult]:
    """Train, gate and register the round's adapter; a failure ends it.

    Args:
        runner: Of definitions that know the round.
        layout: The workspace.
        round_name: Whose triples stand.
        patience: Limits of one test run.
        control: Whether its answers are exchanged first, so that there is nothing to learn.
    """
    base = _base(layout, round_name)
    settings = {
        "adapter": {"base": base, "shuffled_labels": control, "most_steps": STEPS},
        "holdout_attempts": {"limit": HELD_TASKS, **patience},
    }
    return list(runner.run_lines([round_cells(round_name)], settings))


def _base(layout: Layout, round_name: str) -> str:
    """Id of the tiny base, made of the first round's prompts where it is missing."""
    from cra_pipeline.adapters.stage.tiny import ensure_tiny_base
    from cra_pipeline.corpus.stage import read_rounds

    (record,) = (item for item in read_rounds(layout) if item.round == round_name)
    trained = sorted({name for name, _ in record.pins} - set(record.held_out))
    tables_ = (layout.table("triples", f"{name}{MULTI}{round_name}") for name in trained)
    texts = [
        f"{row.system}\n{row.prompt}"
        for table in tables_
        for row in read_table(table, TripleRow)
        if row.call_kind == KIND
    ]
    return ensure_tiny_base(layout, texts[:: max(1, len(texts) // _TEXTS)]).base_id


def force(runner: Runner, layout: Layout, round_name: str) -> list[CellResult]:
    """Promote the refused version against its gate, and let the check find that.

    Raises:
        RegistryError: It may not be forced, either.
    """
    from cra_pipeline.gates.stage.reports import read_gate
    from cra_pipeline.registry.stage.promoting import promote
    from cra_pipeline.registry.stage.settling import settled

    report = read_gate(layout, KIND, round_name)
    with settled(layout) as book:
        version = next(
            row.version
            for row in book.standing.of_kind(KIND)
            if row.adapter_digest == report.adapter_digest
        )
    line = promote(layout, KIND, version, override=OVERRIDE)
    click.echo(f"\n{line.version} was promoted by override; the check of what serves:")
    (forced,) = runner.run_lines([(Cell("registry_entry", f"{KIND}{MULTI}{round_name}"),)], {})
    click.echo(f"  {forced.error or 'found nothing, which is wrong'}")
    # Once more: the finding told of what it undid, and what serves now is sound again.
    return list(runner.run_lines([(Cell("registry_entry", f"{KIND}{MULTI}{round_name}"),)], {}))


def require_shown(layout: Layout, round_name: str, *, promoted: bool) -> None:
    """End with status 1 where a gate did not say what the demo is there to show.

    A machine that ran out of memory or time makes attempts fail, and then nothing is decided.

    Args:
        layout: The workspace.
        round_name: Whose gate.
        promoted: Whether it had to pass; else the paired test had to refuse.

    Raises:
        ClickException: As said.
    """
    from cra_pipeline.gates.plateau import gained
    from cra_pipeline.gates.stage.reports import read_gate

    report = read_gate(layout, KIND, round_name)
    if (report.decision, gained(report)) == (("passed", True) if promoted else ("failed", False)):
        return
    short = [f"{item.name}: {item.found}" for item in report.requirements if item.holds is not True]
    raise click.ClickException(
        f"the gate of {KIND} in {round_name} came to {report.decision}, expected that it "
        f"{'passes' if promoted else 'finds no gain'}: {'; '.join(short[:3]) or 'all holds'}: "
        "where attempts broke off the machine was too busy: run the demo again in another workspace"
    )


def print_loop(layout: Layout) -> None:
    """What the gates said of both rounds, and which versions came of it."""
    show_gates(layout, round_name=None, limit=None, as_json=False)
    tables().print(
        f"(balanced accuracy in percent of {KIND} calls on tasks that are kept out; 0 where the "
        "base, which has learnt nothing, answers neither yes nor no. Gate 1's base half is waived "
        "in the rounds' records. The second round's adapter was trained on exchanged answers.)\n"
    )
    print_registry(layout)


def tell_failures(results: Sequence[CellResult]) -> None:
    """End with status 1 where something failed.

    Raises:
        SystemExit: As said.
    """
    failed = [result for result in results if result.state == "failed"]
    for result in failed:
        messages().print(f"{result.cell.asset} of {result.cell.partition}: {result.error}")
    if failed:
        sys.exit(1)
