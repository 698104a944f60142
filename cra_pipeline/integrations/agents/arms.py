"""The agent with some call kinds answered by models, each on its own server, the rest by gold."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass

from cra_pipeline.contracts.agents import AgentSettings, AttemptPlan
from cra_pipeline.contracts.ports import AgentBackend, Responder
from cra_pipeline.errors import AgentError
from cra_pipeline.integrations.agents.clean_room import CleanRoomAgent
from cra_pipeline.integrations.agents.supplies import Supplies
from cra_pipeline.integrations.clean_room.program import AgentProgram
from cra_pipeline.integrations.gateway.thread import running_gateway
from cra_pipeline.integrations.responders.endpoint import Endpoint
from cra_pipeline.integrations.responders.gold import GoldResponder
from cra_pipeline.integrations.responders.mixture import Mixture
from cra_pipeline.integrations.responders.openai import OpenAIResponder
from cra_pipeline.integrations.responders.oracles import Oracles
from cra_pipeline.kinds import CALL_KINDS

_ONE_AT_A_TIME = 1
"""A plain server answers so; what waits here for its turn does not wait for the server."""


@dataclass(frozen=True, slots=True)
class Voice:
    """A model as it is asked.

    Attributes:
        base_url: Of its server.
        model: Its name there.
    """

    base_url: str
    model: str


@contextmanager
def opened_arm(
    supplies: Supplies,
    program: AgentProgram,
    settings: AgentSettings,
    plans: tuple[AttemptPlan, ...],
    voices: Mapping[str, Voice],
) -> Iterator[AgentBackend]:
    """The agent, and a gateway that asks each call kind's own model.

    Args:
        supplies: Tasks and places.
        program: The agent, or its stand-in.
        settings: Its configuration.
        plans: What is asked of it for a task.
        voices: By call kind; gold answers all others.

    Raises:
        AgentError: There is no sandbox to run it in.
        ModelError: A server may not be asked.
    """
    if supplies.sandbox is None:
        raise AgentError("clean_room: works within a sandbox only: none was given")
    oracles = Oracles()
    asked: dict[Voice, Responder] = {voice: _responder(voice) for voice in voices.values()}
    mixture = Mixture(
        {kind: asked[voice] for kind, voice in voices.items()}, GoldResponder(oracles)
    )
    kinds = {text: CALL_KINDS[kind] for kind, text in program.system_prompts.items()}
    with running_gateway(mixture, kinds, oracles=oracles) as gateway:
        yield CleanRoomAgent(
            program=program,
            settings=settings,
            supplies=supplies,
            sandbox=supplies.sandbox,
            gateway=gateway,
            plans_for=plans,
        )


def _responder(voice: Voice) -> OpenAIResponder:
    endpoint = Endpoint(
        base_url=voice.base_url,
        model=voice.model,
        # A server that lets the base answer for an adapter it lacks would make all arms equal.
        own_model_only=True,
        concurrency=_ONE_AT_A_TIME,
    )
    return OpenAIResponder(endpoint, os.environ)
