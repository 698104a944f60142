"""What the demo ends with: the promoted version answers one question through the gateway."""

from __future__ import annotations

import click

from cra_pipeline.contracts.workspace import Layout

_SHOWN = 60


def ask_promoted(layout: Layout, adapter_kind: str) -> None:
    """Start what serves, ask the version of a kind one logged prompt, print its answer, end it.

    Takes the ten seconds that a start of the plain server takes.

    Raises:
        ModelError: No version of the kind serves, or it does not answer.
    """
    from cra_pipeline.registry.stage.in_service import in_service
    from cra_pipeline.serving.stage.asking import ask_in_service
    from cra_pipeline.serving.stage.deploying import Means

    record = ask_in_service(layout, adapter_kind, Means(in_service))
    question = " ".join(record.prompt.split())
    shown = question if len(question) <= _SHOWN else f"…{question[-_SHOWN:]}"
    answer = " ".join(record.response.split()) or "(nothing)"
    click.echo(
        f"{record.model}, asked through the gateway ({record.call_kind}: {shown}), says: "
        f"{answer[:_SHOWN]}"
    )
