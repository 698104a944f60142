"""``reword``: better words for poor task statements, by a model, judged and checked for leaks."""

from __future__ import annotations

import os
from collections import Counter

import click
from rich.table import Table

from cra_pipeline.cli.terminal import messages, tables
from cra_pipeline.integrations.home import current_layout


@click.command()
@click.option("--repo", "repos", multiple=True, required=True, help="May be given several times.")
@click.option("--base-url", required=True, help="Of an OpenAI-compatible server.")
@click.option("--model", required=True, help="Writes, and judges what it wrote.")
@click.option("--key-variable", default="", help="Environment variable that holds the key.")
def reword(*, repos: tuple[str, ...], base_url: str, model: str, key_variable: str) -> None:
    """Reword poor statements of admitted tasks; the original is kept beside each.

    A rewording is taken only if it asks for the same, and gives away nothing of the solution.
    """
    from cra_pipeline.cli.choose import chosen_repos
    from cra_pipeline.harness.stage.rewordings import run_rewording
    from cra_pipeline.integrations.responders.endpoint import Endpoint
    from cra_pipeline.integrations.responders.openai import OpenAIResponder

    layout = current_layout()
    try:
        endpoint = Endpoint(base_url=base_url, model=model, key_variable=key_variable)
    except ValueError as error:
        raise click.UsageError(str(error)) from error
    table = Table("repo", "tasks", "what became of their statements", box=None)
    console = messages()
    for repo in chosen_repos(layout, repos, everything=False):
        # A responder lives in one event loop.
        responder = OpenAIResponder(endpoint, os.environ)
        rows = run_rewording(
            layout,
            repo,
            responder,
            model=model,
            progress=lambda done, total, what: console.print(f"  {done} of {total}: {what}"),
        )
        counts = Counter(row.reason.partition(":")[0] for row in rows)
        words = ", ".join(f"{reason} {count}" for reason, count in counts.most_common())
        table.add_row(repo, str(len(rows)), words)
    tables().print(table)
