"""Who answers an agent's calls in a campaign, built from what its policy says."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from cra_pipeline.contracts.campaigns import RANKED, CampaignSpec, ResponderSpec
from cra_pipeline.contracts.ports import Responder
from cra_pipeline.contracts.tasks import AttemptRow
from cra_pipeline.integrations.agents.supplies import Supplies
from cra_pipeline.integrations.calls import restore
from cra_pipeline.integrations.files import read_table
from cra_pipeline.integrations.leftovers import prefix_of
from cra_pipeline.integrations.ranking.shelves import Shelves
from cra_pipeline.integrations.responders.endpoint import Endpoint
from cra_pipeline.integrations.responders.ingredients import Ingredients
from cra_pipeline.integrations.responders.oracles import Oracles
from cra_pipeline.integrations.responders.table import load_responder

_RANKED = "scope"


@contextmanager
def opened_responder(
    spec: CampaignSpec, supplies: Supplies, oracles: Oracles, shelves: Shelves
) -> Iterator[Responder]:
    """Who answers: the named responder, for some call kinds or for all.

    Args:
        spec: Names it.
        supplies: Tasks and places.
        oracles: Of the attempts under way; filled by the gateway.
        shelves: Repositories of the same attempts; filled by the agent's backend.

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
        ranks = told.name in RANKED
        ingredients = Ingredients(
            oracles=oracles,
            endpoint=_endpoint(told) if told.base_url else None,
            recordings=recordings,
            by_kind={kind: _who(told.name, kind) for kind in told.kinds},
            # Whoever ranks leaves the rest to the server, if not to gold.
            otherwise="openai" if ranks and not told.kinds else "gold",
            shelves=shelves,
            rank_with_model=told.name == "ranked_with_model",
        )
        yield load_responder("mixture" if told.kinds else _who(told.name, _RANKED), ingredients)


def _who(name: str, kind: str) -> str:
    """Responder of a call kind; only one kind can be ranked, and the server answers the others."""
    if name in RANKED:
        return "ranked" if kind == _RANKED else "openai"
    return name


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
