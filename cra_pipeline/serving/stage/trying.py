"""A service for the time of a block, asked through its gateway: for smoke tests and comparisons."""

from __future__ import annotations

import secrets
import tempfile
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from cra_pipeline.contracts.calls import CallRecord
from cra_pipeline.contracts.workspace import Layout
from cra_pipeline.errors import ModelError
from cra_pipeline.integrations.gateway.client import Door, ask, session
from cra_pipeline.integrations.gateway.listening import listen_loopback
from cra_pipeline.integrations.gateway.log import read_calls
from cra_pipeline.integrations.gateway.server import Gateway
from cra_pipeline.integrations.leftovers import prefix_of
from cra_pipeline.kinds import CALL_KINDS
from cra_pipeline.serving.stage.prompts import LoggedPrompt
from cra_pipeline.serving.stage.running import Serving

MOST_TOKENS = 64
"""Of an answer: whether the right model answers shows in its first words."""


@dataclass(slots=True, kw_only=True)
class Trial:
    """A service that answers through its gateway.

    Attributes:
        serving: What serves.
        door: Where the gateway listens.
        log: Its request log.
        failed: What could not be brought into service, in words.
    """

    serving: Serving
    door: Door
    log: Path
    failed: tuple[str, ...]

    async def answers(self, prompts: Sequence[LoggedPrompt]) -> tuple[CallRecord, ...]:
        """Ask one after the other; what was logged of each, in order.

        Raises:
            ModelError: One has no answer.
        """
        before = len(read_calls(self.log).records)
        async with session() as client:
            for prompt in prompts:
                await ask(
                    client,
                    self.door,
                    model="deployment",
                    system=prompt.system,
                    prompt=prompt.prompt,
                    most=MOST_TOKENS,
                )
        return read_calls(self.log).records[before:]


@asynccontextmanager
async def trial(
    layout: Layout, serving: Serving, kinds_by_system: Mapping[str, str]
) -> AsyncIterator[Trial]:
    """Start servers and a gateway; all of it has ended after the block.

    Args:
        layout: The workspace.
        serving: Not refreshed yet.
        kinds_by_system: Call kind by system text.

    Raises:
        PipelineError: What serves cannot be read, or does not fit.
    """
    layout.scratch.mkdir(parents=True, exist_ok=True)
    kinds = {text: CALL_KINDS[name] for text, name in kinds_by_system.items()}
    gateway = Gateway(serving.responder, kinds)
    with (
        tempfile.TemporaryDirectory(dir=layout.scratch, prefix=prefix_of("server")) as folder,
        listen_loopback(0) as listening,
    ):
        log, token = Path(folder) / "calls.jsonl", secrets.token_urlsafe(32)
        await gateway.start()
        try:
            failed = await serving.refresh()
            await gateway.open_service(listening, log, token=token)
            address = f"http://127.0.0.1:{listening.getsockname()[1]}"
            door = Door(address=address, token=token)
            yield Trial(serving=serving, door=door, log=log, failed=failed)
        finally:
            await gateway.stop()
            await serving.close()


def require_all(found: Trial) -> None:
    """Refuse a service in which something does not serve.

    Raises:
        ModelError: As said.
    """
    if found.failed:
        raise ModelError(f"not everything in service could be served: {'; '.join(found.failed)}")
