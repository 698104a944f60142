"""``campaign``: many attempts of the agent under one policy, as far as the limits allow."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Mapping
from typing import TYPE_CHECKING

import click

from cra_pipeline.cli.outcomes import print_outcomes
from cra_pipeline.cli.plan import PER_ROUND, Cell
from cra_pipeline.cli.terminal import display, messages
from cra_pipeline.contracts.agents import AgentSettings
from cra_pipeline.contracts.campaigns import CampaignSpec, ResponderSpec
from cra_pipeline.contracts.workspace import Layout
from cra_pipeline.integrations.home import current_layout
from cra_pipeline.kinds import CALL_KINDS

if TYPE_CHECKING:
    from cra_pipeline.cli.execute import CellResult

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

LIMIT_REACHED = 3
"""Exit status where a limit left attempts undone."""

_LIMITS = ("calls", "tokens", "money", "hours")
_TERMS = (
    "concurrency",
    "requests_per_minute",
    "prompt_price",
    "completion_price",
    "spend_limit",
)


@click.command()
@click.option("--repos", type=LISTED, required=True, help="Repositories, between commas.")
@click.option("--name", default="campaign", show_default=True, help="For people.")
@click.option("--round", "round_name", help="Round, such as r01; else the newest that fits.")
@click.option(
    "--responder",
    type=click.Choice(["gold", "openai", "ranked", "recorded"]),
    default="gold",
    show_default=True,
    help="Who answers the agent's calls.",
)
@click.option("--vary", type=LISTED, default=(), help="Call kinds it answers; gold the rest.")
@click.option("--rank-with-model", is_flag=True, help="For ranked: the model's yes or no counts.")
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
@click.option(
    "--concurrency", type=click.IntRange(min=1), help="Requests under way at once; else 16."
)
@click.option(
    "--requests-per-minute",
    type=click.FloatRange(min=0),
    help="Begun in a minute; else any number.",
)
@click.option("--prompt-price", type=click.FloatRange(min=0), help="Of a million prompt tokens.")
@click.option(
    "--completion-price", type=click.FloatRange(min=0), help="Of a million answered tokens."
)
@click.option(
    "--spend-limit",
    type=click.FloatRange(min=0),
    help="Never spend more, in the prices' money; 0: any.",
)
@click.option("--recordings", default="", help="Id of the campaign that is answered again.")
@click.option(
    "--reuse",
    type=click.Path(exists=True, file_okay=False, resolve_path=True),
    multiple=True,
    help="Workspace whose attempts are taken over where they are the same.",
)
@click.option(
    "--most-calls",
    type=click.IntRange(min=0),
    default=0,
    help="Begin no attempt after so many model calls.",
)
@click.option("--most-tokens", type=click.IntRange(min=0), default=0, help="The same for tokens.")
@click.option(
    "--most-money",
    type=click.FloatRange(min=0),
    default=0.0,
    help="The same for the prices' money.",
)
@click.option(
    "--most-hours",
    type=click.FloatRange(min=0),
    default=0.0,
    help="The same for hours of this command.",
)
def campaign(**options: object) -> None:
    """Attempt the most valuable tasks of some repositories with the agent.

    Attempts are made for every task, task form, temperature and seed. The same options are the
    same campaign: run again, it makes what is missing. Attempts that another round has made of the
    same task under the same policy are taken over. A key is named, never given.

    Repositories with the fewest attempts come first. Once a --most-... or the --spend-limit is
    reached over all repositories and runs of the campaign, no attempt is begun; limits, pace and
    prices may change from run to run, and the latter two are as at first where not given.

    The responder `ranked` answers scope calls by ranking the repository's files as they stood
    before the commit. Gold answers the rest, or the server where one is named and no --vary is.

    Exit status: 0 all attempts made; 1 failed work, or attempts that the machine or the model
    server spoiled; 2 wrong use; 3 a limit was reached and attempts are left undone.
    """
    from cra_pipeline.definitions.harness import AttemptConfig
    from cra_pipeline.harness.stage.campaigns import begin_campaign, read_campaign

    layout = current_layout()
    spec = _spec(layout, options)
    try:
        name = begin_campaign(layout, spec)
    except ValueError as error:
        raise click.UsageError(str(error)) from error
    messages().print(f"campaign {name}: {spec.settings.name}, answered by {_who(spec)}")
    spec = read_campaign(layout, name)
    reuse = list(_texts(options["reuse"]))
    told = {"campaign": name, "began": time.time(), "reuse": reuse, **_given(options)}
    config = AttemptConfig.model_validate(told)
    results = _made(layout, spec, told)
    end = print_outcomes(layout, spec, config.limits(), config.terms())
    failed = [result for result in results if result.state == "failed"]
    for result in failed:
        messages().print(f"{result.cell.asset} of {result.cell.partition}: {result.error}")
    if failed or end.spoiled:
        sys.exit(1)
    if end.limit and end.left:
        sys.exit(LIMIT_REACHED)


def _made(layout: Layout, spec: CampaignSpec, settings: Mapping[str, object]) -> list[CellResult]:
    from cra_pipeline.cli.execute import dagster_runner
    from cra_pipeline.harness.stage.campaigns import neediest_first, wanted

    repos = neediest_first(layout, spec)
    lines = [tuple(Cell(asset, f"{repo}|{spec.round}") for asset in PER_ROUND) for repo in repos]
    with display() as shown, dagster_runner(layout, spec.repos, shown) as runner:
        shown.expect(sum(wanted(layout, spec, repo) for repo in repos))
        return list(runner.run_lines(lines, {"attempts": settings}))


def _given(options: Mapping[str, object]) -> dict[str, object]:
    """What the user has said about limits and terms, for the configuration of each run."""
    named = (*(f"most_{name}" for name in _LIMITS), *_TERMS)
    return {name: options[name] for name in named if options[name] is not None}


def campaign_settings(spec: CampaignSpec) -> Mapping[str, Mapping[str, object]]:
    """Configuration of the asset ``attempts`` for a campaign's runs without limits."""
    return {"attempts": {"campaign": spec.campaign_id}}


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
    served = bool(options["base_url"] and options["model"])
    if name == "openai" and not served:
        raise click.UsageError("--responder openai: needs --base-url and --model")
    if name == "ranked":
        kinds = _ranked_kinds(kinds, served=served)
    if options["rank_with_model"]:
        if name != "ranked" or not served:
            raise click.UsageError(
                "--rank-with-model: needs --responder ranked, --base-url and --model"
            )
        name = "ranked_with_model"
    if (name == "recorded") != bool(options["recordings"]):
        raise click.UsageError("--recordings ID belongs to --responder recorded, and it needs one")
    terms = {name: options[name] for name in _TERMS if options[name] is not None}
    if terms.get("spend_limit") and not (
        terms.get("prompt_price") or terms.get("completion_price")
    ):
        raise click.UsageError("--spend-limit: needs --prompt-price or --completion-price")
    pairs = [text.partition("=") for text in _texts(options["models"])]
    return ResponderSpec.model_validate(
        {
            "name": name,
            "kinds": kinds,
            "base_url": options["base_url"],
            "model": options["model"],
            "models": tuple(sorted((kind, model) for kind, _, model in pairs)),
            "key_variable": options["key_variable"],
            "recordings": options["recordings"],
            **{name: value for name, value in terms.items() if (name, value) != ("spend_limit", 0)},
        }
    )


def _ranked_kinds(kinds: tuple[str, ...], *, served: bool) -> tuple[str, ...]:
    """Kinds that gold leaves to the ranking and its server; none where it leaves all."""
    if kinds and "scope" not in kinds:
        raise click.UsageError("--vary: only scope calls can be ranked: name scope among them")
    if not served and set(kinds) - {"scope"}:
        raise click.UsageError("--vary: beside scope a server answers: name --base-url and --model")
    return kinds if kinds or served else ("scope",)


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""


def _texts(value: object) -> tuple[str, ...]:
    return tuple(str(item) for item in value) if isinstance(value, tuple) else ()
