"""Who answers an agent's calls in a campaign, built from what its policy says."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from cra_pipeline.contracts.campaigns import CampaignSpec, ResponderSpec
from cra_pipeline.contracts.ports import Responder
from cra_pipeline.contracts.tasks import AttemptRow
from cra_pipeline.integrations.agents.supplies import Supplies
from cra_pipeline.integrations.calls import restore
from cra_pipeline.integrations.files import read_table
from cra_pipeline.integrations.leftovers import prefix_of
from cra_pipeline.integrations.responders.endpoint import Endpoint
from cra_pipeline.integrations.responders.ingredients import Ingredients
from cra_pipeline.integrations.responders.oracles import Oracles
from cra_pipeline.integrations.responders.table import load_responder


@contextmanager
def opened_responder(
    spec: CampaignSpec, supplies: Supplies, oracles: Oracles
) -> Iterator[Responder]:
    """Who answers: the named responder, for some call kinds or for all.

    Raises:
        ModelError: The model server may not be asked.
        StoreError: A campaign that is to be answered again has no calls, or a table is damaged.
    """
    told = spec.responder
    supplies.layout.scratch.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(
        dir=supplies.layout.scratch, prefix=prefix_of("agent")
    ) as folder:
        recordings = None
        if told.name == "recorded":
            recordings = _recordings(supplies, told.recordings, Path(folder) / "calls")
        ingredients = Ingredients(
            oracles=oracles,
            endpoint=_endpoint(told) if told.base_url else None,
            recordings=recordings,
            by_kind=dict.fromkeys(told.kinds, told.name),
            otherwise="gold",
        )
        yield load_responder("mixture" if told.kinds else told.name, ingredients)


def _recordings(supplies: Supplies, campaign: str, target: Path) -> Path:
    """The logs of a campaign's attempts on record: of each task and cell there is one."""
    layout, partition = supplies.layout, supplies.partition
    table = layout.table("attempts", partition)
    rows = read_table(table, AttemptRow) if table.exists() else ()
    names = [row.attempt_id for row in rows if row.campaign == campaign]
    return restore(layout, partition, campaign, target, names)


def _endpoint(told: ResponderSpec) -> Endpoint:
    return Endpoint(
        base_url=told.base_url,
        model=told.model,
        models=dict(told.models),
        key_variable=told.key_variable,
        concurrency=told.concurrency,
        requests_per_minute=told.requests_per_minute,
        prompt_price=told.prompt_price,
        completion_price=told.completion_price,
        spend_limit=told.spend_limit,
    )
