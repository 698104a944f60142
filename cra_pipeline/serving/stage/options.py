"""Terms of service from what a person or Dagster says."""

from __future__ import annotations

from typing import get_args

from cra_pipeline.errors import ModelError
from cra_pipeline.integrations.model_server.policy import Precision
from cra_pipeline.integrations.model_server.table import server_named
from cra_pipeline.integrations.serving.starting import ServerChoice
from cra_pipeline.serving.layout import GIB, LayoutPolicy
from cra_pipeline.serving.routes import NOTHING, Beside
from cra_pipeline.serving.stage.running import Terms

CARD_SHARE = 0.9
"""Of a card's memory: as vLLM takes by default, and the rest is the driver's."""


def terms_of(
    server: str, precision: str, device: str, memory_gib: float, beside: Beside = NOTHING
) -> Terms:
    """Terms of service.

    Args:
        server: Name in the table of model servers.
        precision: Of weights and activations.
        device: As torch names it.
        memory_gib: That servers may take; 0 for what the device has.
        beside: Canaries and shadows.

    Raises:
        ModelError: No such server or precision.
    """
    server_named(server)
    for known in get_args(Precision):
        if known == precision:
            choice = ServerChoice(name=server, precision=known, device=device)
            share = CARD_SHARE if choice.on_card else 1.0
            sizes = LayoutPolicy(utilisation=share)
            return Terms(choice=choice, beside=beside, memory=int(memory_gib * GIB), sizes=sizes)
    raise ModelError(f"{precision!r}: expected one of {', '.join(get_args(Precision))}")
