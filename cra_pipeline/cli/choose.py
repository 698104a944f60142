"""Which repositories and rounds a command means."""

from __future__ import annotations

from collections.abc import Sequence

import click

from cra_pipeline.cli.plan import PER_ROUND
from cra_pipeline.contracts.rounds import round_number
from cra_pipeline.contracts.workspace import Layout
from cra_pipeline.errors import RoundError


def chosen_repos(layout: Layout, named: Sequence[str], *, everything: bool) -> tuple[str, ...]:
    """Names of the repositories meant, sorted.

    Raises:
        UsageError: None is named, or one is not known.
    """
    from cra_pipeline.corpus.stage import known_sources

    known = {source.name for source in known_sources(layout)}
    if everything == bool(named):
        raise click.UsageError("name repositories with --repo NAME, or take --all of them")
    if strange := sorted(set(named) - known):
        raise click.UsageError(
            f"{', '.join(strange)}: not known here; expected some of {', '.join(sorted(known))}, "
            "or add one first: cra-pipeline add SOURCE"
        )
    return tuple(sorted(known if everything else set(named)))


def chosen_round(layout: Layout, asset: str, repo: str, name: str | None) -> str:
    """Round in which an asset of a repository is made; empty for assets without rounds.

    The newest round that lists the repository, unless one is named. The first round is opened
    here when the first asset needs it.

    Raises:
        RoundError: No such round is open, or none lists the repository.
    """
    from cra_pipeline.corpus.stage import ensure_first_round, read_rounds

    if asset not in PER_ROUND:
        return ""
    rounds = read_rounds(layout) or (ensure_first_round(layout),)
    opened = sorted((record.round for record in rounds), key=round_number)
    if name is not None:
        if name not in opened:
            raise RoundError(
                f"{layout.rounds}: no round {name}, opened are {', '.join(opened)}; "
                "open the next one: cra-pipeline round open"
            )
        return name
    pinned = (record.round for record in rounds if record.pin(repo) is not None)
    listing = sorted(pinned, key=round_number)
    if not listing:
        raise RoundError(
            f"{layout.rounds}: none of {', '.join(opened)} lists {repo}, and a round is never "
            "changed once it is open; open the next one: cra-pipeline round open"
        )
    return listing[-1]
