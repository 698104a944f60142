"""``migrate --check``: what would change if the new servers took the old one's place."""

from __future__ import annotations

from typing import Any

import click
from rich.table import Table

from cra_pipeline.cli.serve import SERVERS
from cra_pipeline.cli.terminal import tables
from cra_pipeline.contracts.serving import KindAgreement, MigrationReport
from cra_pipeline.integrations.home import current_layout
from cra_pipeline.kinds import CALL_KINDS
from cra_pipeline.serving.agreement import commonest


@click.command()
@click.option("--check", is_flag=True, required=True, help="Ask and report; nothing is changed.")
@click.option("--old", required=True, metavar="URL", help="An Ollama, a gateway, or URL/v1.")
@click.option("--old-model", multiple=True, required=True, metavar="[KIND=]MODEL")
@click.option("--new", metavar="URL", help="The same; else what the registry says, started here.")
@click.option("--new-model", multiple=True, metavar="[KIND=]MODEL", help="With --new.")
@click.option("--old-key-variable", default="", help="Environment variable with the key of --old.")
@click.option("--new-key-variable", default="", help="The same of --new.")
@click.option("--sample", type=click.IntRange(1), default=50, show_default=True, help="Per kind.")
@click.option("--seed", type=int, default=0, show_default=True)
@click.option("--tokens", type=click.IntRange(1), default=256, show_default=True, help="An answer.")
@click.option("--server", type=click.Choice(SERVERS), default="transformers", show_default=True)
@click.option("--precision", type=click.Choice(["float32", "bfloat16"]), default="float32")
@click.option("--device", default="cpu", show_default=True, help="As torch names it.")
@click.option("--memory", type=click.FloatRange(0), default=0.0, help="GiB; else what there is.")
def migrate(
    *, check: bool, sample: int, seed: int, tokens: int, **told: Any,  # noqa: ANN401  # both sides' options
) -> None:  # fmt: skip
    """Ask logged prompts of the old server and the new, side by side, and write a report.

    The agent itself moves by its base_url alone: the address and token that serve prints.
    """
    from cra_pipeline.serving.stage.migrating import MigrationPolicy
    from cra_pipeline.serving.stage.migrating import migrate as compare
    from cra_pipeline.serving.stage.sides import at_address

    assert check  # noqa: S101  # click demands it
    layout = current_layout()
    old = _address(told["old"], told["old_model"], told["old_key_variable"], "--old-model")
    report = compare(
        layout,
        at_address(old),
        _new(told),
        policy=MigrationPolicy(sample=sample, seed=seed, tokens=tokens),
    )
    _print(report)
    click.echo(f"\n{layout.root / 'migration' / 'migration.html'}")
    _require_answers(report)


def _new(told: dict[str, Any]) -> Any:  # noqa: ANN401  # a context of the stage, imported late
    from cra_pipeline.registry.stage.in_service import in_service
    from cra_pipeline.serving.stage.deploying import Means
    from cra_pipeline.serving.stage.options import terms_of
    from cra_pipeline.serving.stage.sides import at_address, of_registry

    if told["new"]:
        return at_address(
            _address(told["new"], told["new_model"], told["new_key_variable"], "--new-model")
        )
    if told["new_model"] or told["new_key_variable"]:
        raise click.UsageError("--new-model and --new-key-variable are of a --new")
    terms = terms_of(told["server"], told["precision"], told["device"], told["memory"])
    return of_registry(current_layout(), Means(in_service, terms))


def _address(url: str, names: tuple[str, ...], key_variable: str, option: str) -> Any:  # noqa: ANN401  # an Address, imported late
    from cra_pipeline.serving.stage.sides import Address

    models, single = {}, []
    for text in names:
        kind, given, model = text.partition("=")
        if given and kind not in CALL_KINDS:
            known = ", ".join(sorted(CALL_KINDS))
            raise click.UsageError(f"{option} {text}: no such call kind: expected one of {known}")
        if given:
            models[kind] = model
        else:
            single.append(text)
    if len(single) != 1:
        raise click.UsageError(f"{option}: expected one MODEL for all kinds that KIND= names not")
    if not url.startswith(("http://", "https://")):
        raise click.UsageError(f"{url}: expected such as http://127.0.0.1:11434")
    return Address(url=url, model=single[0], models=models, key_variable=key_variable)


def _print(report: MigrationReport) -> None:
    table = Table(
        "call kind", "prompts", "agree", "95 %", "no answer", "unreadable", "ms", box=None
    )
    for kind in report.kinds:
        table.add_row(*_cells(kind))
    tables().print(table)
    for change in report.changes or ("nothing would change: every answer is the same",):
        click.echo(f"  {change}")

    for name, errors in _sides(report):
        found = commonest(errors)
        if found is not None:
            asked, failed = len(errors), sum(map(bool, errors))
            click.echo(f"  {name}: no answer to {failed} of {asked}; {found[1]} times: {found[0]}")


def _sides(report: MigrationReport) -> tuple[tuple[str, tuple[str, ...]], ...]:
    """Name and error of each prompt, of the old side and the new."""
    rows = report.answers
    return (
        (f"old, {report.old}", tuple(row.old_error for row in rows)),
        (f"new, {report.new}", tuple(row.new_error for row in rows)),
    )


def _require_answers(report: MigrationReport) -> None:
    """A report in which a side said nothing compares nothing: the command fails."""
    mute = [name for name, errors in _sides(report) if all(errors)]
    if mute:
        raise click.ClickException(
            f"{' and '.join(mute)}: not one answer, so nothing is compared: mend what is told "
            "above, then run the same command again"
        )


def _cells(kind: KindAgreement) -> tuple[str, ...]:
    found = kind.agreement
    return (
        kind.call_kind,
        str(kind.prompts),
        "none" if found is None else f"{found.value:.0%}",
        "" if found is None else f"{found.low:.0%} to {found.high:.0%}",
        f"{kind.old_errors} → {kind.new_errors}",
        f"{kind.old_unreadable} → {kind.new_unreadable}",
        f"{kind.old_ms or 0:.0f} → {kind.new_ms or 0:.0f}",
    )
