"""``campaign``: many attempts of the agent under one policy, as far as the limits allow."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping, Sequence

import click
from rich.table import Table

from cra_pipeline.cli.plan import PER_ROUND, Cell
from cra_pipeline.cli.terminal import display, messages, tables
from cra_pipeline.contracts.agents import AgentSettings
from cra_pipeline.contracts.campaigns import CampaignSpec, ResponderSpec
from cra_pipeline.contracts.tasks import AttemptRow, Outcome
from cra_pipeline.contracts.workspace import Layout
from cra_pipeline.integrations.files import read_table
from cra_pipeline.integrations.home import current_layout
from cra_pipeline.kinds import CALL_KINDS

CONFIGURATIONS = {
    "monolithic": AgentSettings(name="monolithic", documentation=True, adjustment_rounds=1),
    "plain": AgentSettings(name="plain"),
    "narrow": AgentSettings(
        name="narrow", context_window=8192, reserved_tokens=3072, max_diff_chars=3000
    ),
    "decomposed": AgentSettings(name="decomposed", decomposed=True),
    "grouped": AgentSettings(
        name="grouped",
        decomposed=True,
        binary_grouping=True,
        stages=("scope", "precision", "similarity"),
        context_window=16384,
        reserved_tokens=12000,
        oracle_reserved_tokens=6000,
    ),
}
"""Configurations of the agent by name; together they make every call kind occur."""


class Listed(click.ParamType[tuple[str, ...]]):
    """Values between commas, each once, in their order."""

    name = "a,b,…"

    def convert(
        self,
        value: str | tuple[str, ...],
        param: click.Parameter | None,  # noqa: ARG002  # click's signature
        ctx: click.Context | None,  # noqa: ARG002  # click's signature
    ) -> tuple[str, ...]:
        """The values."""
        if isinstance(value, tuple):
            return value
        return tuple(dict.fromkeys(part.strip() for part in value.split(",") if part.strip()))


LISTED = Listed()


@click.command()
@click.option("--repos", type=LISTED, required=True, help="Repositories, between commas.")
@click.option("--name", default="campaign", show_default=True, help="For people.")
@click.option("--round", "round_name", help="Round, such as r01; else the newest that fits.")
@click.option(
    "--responder",
    type=click.Choice(["gold", "openai", "recorded"]),
    default="gold",
    show_default=True,
    help="Who answers the agent's calls.",
)
@click.option("--vary", type=LISTED, default=(), help="Call kinds it answers; gold the rest.")
@click.option("--configuration", type=click.Choice(list(CONFIGURATIONS)), default="plain")
@click.option("--forms", type=LISTED, default="names,metadata", show_default=True)
@click.option("--temperatures", type=LISTED, default="0", show_default=True)
@click.option("--seeds", type=LISTED, default="0", show_default=True)
@click.option("--reworded", is_flag=True, help="Take statements that `reword` has improved.")
@click.option("--limit", type=click.IntRange(min=0), default=0, help="Tasks of a repository.")
@click.option("--base-url", default="", help="Of an OpenAI-compatible server.")
@click.option("--model", default="", help="Model to ask for.")
@click.option("--model-for", "models", multiple=True, help="KIND=MODEL, such as an adapter's.")
@click.option("--key-variable", default="", help="Environment variable that holds the key.")
@click.option("--prices", type=(float, float), default=(0.0, 0.0), help="Per million tokens.")
@click.option("--recordings", default="", help="Id of the campaign that is answered again.")
@click.option("--most-calls", type=click.IntRange(min=0), default=0, help="Stop after so many.")
@click.option("--most-tokens", type=click.IntRange(min=0), default=0, help="The same.")
@click.option("--most-money", type=click.FloatRange(min=0), default=0.0, help="The same.")
@click.option("--most-hours", type=click.FloatRange(min=0), default=0.0, help="The same.")
def campaign(**options: object) -> None:
    """Attempt the most valuable tasks of some repositories with the agent.

    Attempts are made for every task, task form, temperature and seed. The same options are the
    same campaign: run again, it makes what is missing. A key is named, never given.
    """
    from cra_pipeline.cli.execute import dagster_runner
    from cra_pipeline.harness.stage.campaigns import begin_campaign

    layout = current_layout()
    spec = _spec(layout, options)
    try:
        name = begin_campaign(layout, spec)
    except ValueError as error:
        raise click.UsageError(str(error)) from error
    messages().print(f"campaign {name}: {spec.settings.name}, answered by {_who(spec)}")
    limits = {f"most_{what}": options[f"most_{what}"] for what in _LIMITS}
    lines = [
        tuple(Cell(asset, f"{repo}|{spec.round}") for asset in PER_ROUND) for repo in spec.repos
    ]
    with display() as shown, dagster_runner(layout, spec.repos, shown) as runner:
        results = list(runner.run_lines(lines, campaign_settings(spec, limits)))
    unfinished = print_outcomes(layout, spec)
    failed = [result for result in results if result.state == "failed"]
    for result in failed:
        messages().print(f"{result.cell.asset} of {result.cell.partition}: {result.error}")
    if failed or unfinished:
        sys.exit(1)


def campaign_settings(
    spec: CampaignSpec, limits: Mapping[str, object] | None = None
) -> Mapping[str, Mapping[str, object]]:
    """Configuration of the asset ``attempts`` for a campaign's runs."""
    return {"attempts": {"campaign": spec.campaign_id, **(limits or {})}}


_LIMITS = ("calls", "tokens", "money", "hours")


def _who(spec: CampaignSpec) -> str:
    return f"{spec.responder.label()}{', gold the rest' if spec.responder.kinds else ''}"


def _spec(layout: Layout, options: dict[str, object]) -> CampaignSpec:
    """The campaign that the options describe.

    Raises:
        UsageError: They contradict each other.
        RoundError: No round lists a repository.
        AgentError: The named agent cannot be used.
    """
    from cra_pipeline.cli.choose import chosen_repos, chosen_round
    from cra_pipeline.integrations.clean_room.programs import any_program

    repos = chosen_repos(layout, _texts(options["repos"]), everything=False)
    rounds = {
        chosen_round(layout, "attempts", repo, _text(options["round_name"]) or None)
        for repo in repos
    }
    if len(rounds) > 1:
        raise click.UsageError(f"--repos: they lie in {', '.join(sorted(rounds))}: name a --round")
    program = any_program(os.environ)
    try:
        return CampaignSpec.model_validate(
            {
                "name": options["name"],
                "program": program.digest,
                "round": rounds.pop(),
                "repos": tuple(sorted(repos)),
                "responder": _responder(options),
                "settings": CONFIGURATIONS[_text(options["configuration"])],
                "forms": _texts(options["forms"]),
                "temperatures": tuple(float(text) for text in _texts(options["temperatures"])),
                "seeds": tuple(int(text) for text in _texts(options["seeds"])),
                "reworded": options["reworded"],
                "limit": options["limit"],
            }
        )
    except ValueError as error:
        raise click.UsageError(str(error)) from error


def _responder(options: dict[str, object]) -> ResponderSpec:
    name, kinds = _text(options["responder"]), tuple(sorted(_texts(options["vary"])))
    if strange := sorted(set(kinds) - set(CALL_KINDS)):
        known = ", ".join(CALL_KINDS)
        raise click.UsageError(f"--vary: {', '.join(strange)}: expected some of {known}")
    if name == "gold" and kinds:
        raise click.UsageError("--vary: gold answers everything; name another --responder")
    if name == "openai" and not (options["base_url"] and options["model"]):
        raise click.UsageError("--responder openai: needs --base-url and --model")
    if (name == "recorded") != bool(options["recordings"]):
        raise click.UsageError("--recordings ID belongs to --responder recorded, and it needs one")
    prices = options["prices"]
    pairs = [text.partition("=") for text in _texts(options["models"])]
    return ResponderSpec.model_validate(
        {
            "name": name,
            "kinds": kinds,
            "base_url": options["base_url"],
            "model": options["model"],
            "models": tuple(sorted((kind, model) for kind, _, model in pairs)),
            "key_variable": options["key_variable"],
            "prompt_price": prices[0] if isinstance(prices, tuple) else 0.0,
            "completion_price": prices[1] if isinstance(prices, tuple) else 0.0,
            "recordings": options["recordings"],
        }
    )


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""


def _texts(value: object) -> tuple[str, ...]:
    return tuple(str(item) for item in value) if isinstance(value, tuple) else ()


def print_outcomes(layout: Layout, spec: CampaignSpec) -> int:
    """What became of the campaign's attempts, by repository.

    Returns:
        How many attempts a machine or a server spoiled: they are made again by the next run.
    """
    heads = ("attempts", "passed", "failed", "other", "equal", "usable", "calls")
    table = Table("repo", *heads, box=None)
    spoiled: list[AttemptRow] = []
    for repo in spec.repos:
        path = layout.table("attempts", f"{repo}|{spec.round}")
        rows = read_table(path, AttemptRow) if path.exists() else ()
        ours = [row for row in rows if row.campaign == spec.campaign_id]
        passed = sum(row.outcome is Outcome.PASSED for row in ours)
        failed = sum(row.outcome is Outcome.FAILED for row in ours)
        numbers = (
            len(ours),
            passed,
            failed,
            len(ours) - passed - failed,
            sum(row.reproduced is True for row in ours),
            sum(row.usable is True for row in ours),
            sum(row.calls for row in ours),
        )
        table.add_row(repo, *map(str, numbers))
        spoiled += [row for row in ours if row.outcome in _SPOILED]
        _tell_others(repo, ours)
    tables().print(table)
    return len(spoiled)


_JUDGED = frozenset({Outcome.PASSED, Outcome.FAILED})
_SPOILED = frozenset({Outcome.MODEL_ERROR, Outcome.SANDBOX_ERROR})


def _tell_others(repo: str, rows: Sequence[AttemptRow]) -> None:
    """Attempts without a verdict, by reason, with the first one's evidence."""
    found: dict[str, list[AttemptRow]] = {}
    for row in rows:
        if row.outcome not in _JUDGED:
            found.setdefault(f"{row.outcome.value} {row.reason}", []).append(row)
    for what, ours in sorted(found.items()):
        messages().print(f"  {repo}: {len(ours)} x {what}: {ours[0].detail}")
