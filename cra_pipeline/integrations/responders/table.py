"""Names of responders and where each is found; nothing is imported before it is asked for."""

from __future__ import annotations

import importlib

from cra_pipeline.contracts.ports import Responder
from cra_pipeline.integrations.responders.ingredients import Ingredients

RESPONDERS = {
    "gold": "cra_pipeline.integrations.responders.gold:GoldResponder",
    "mixture": "cra_pipeline.integrations.responders.mixture:Mixture",
    "openai": "cra_pipeline.integrations.responders.openai:OpenAIResponder",
    "ranked": "cra_pipeline.integrations.responders.ranked:RankedResponder",
    "recorded": "cra_pipeline.integrations.responders.recorded:RecordedResponder",
    "served": "cra_pipeline.integrations.responders.served:ServedResponder",
}
"""Responder's name to ``module:class``; a class has ``build(ingredients)``."""


def load_responder(name: str, ingredients: Ingredients) -> Responder:
    """Import and build one responder.

    Raises:
        ValueError: No responder has this name, or an ingredient is missing or wrong.
        ModelError: Its model server may not be asked: air gap, or a key that is not set.
        StoreError: Its recordings cannot be read.
    """
    if name not in RESPONDERS:
        known = ", ".join(sorted(RESPONDERS))
        raise ValueError(f"no responder {name!r}: expected one of {known}")
    module, _, attribute = RESPONDERS[name].partition(":")
    kind = getattr(importlib.import_module(module), attribute)
    responder: Responder = kind.build(ingredients)
    return responder
