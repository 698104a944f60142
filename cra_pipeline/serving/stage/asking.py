"""One logged question to what serves, through the gateway: what a promotion is for."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from cra_pipeline.contracts.calls import CallRecord
from cra_pipeline.contracts.workspace import Layout
from cra_pipeline.errors import ModelError
from cra_pipeline.serving.routes import calls_of
from cra_pipeline.serving.stage.deploying import Means
from cra_pipeline.serving.stage.prompts import LoggedPrompt, sample
from cra_pipeline.serving.stage.running import Serving
from cra_pipeline.serving.stage.trying import require_all, trial


def ask_in_service(layout: Layout, adapter_kind: str, means: Means) -> CallRecord:
    """Have the version in service of a kind answer a logged prompt, and end its server again.

    Args:
        layout: The workspace.
        adapter_kind: Whose version is asked.
        means: How it is served.

    Returns:
        The call as the gateway logged it.

    Raises:
        ModelError: No version of the kind serves, no prompt of its calls is logged, or there is
            no answer.
        PipelineError: The registry or a base cannot be read.
    """
    prompts, _ = sample(layout, most=1, call_kinds=calls_of(adapter_kind))
    if not prompts:
        raise ModelError(
            f"{adapter_kind}: no prompt of its calls is logged: run a campaign, then triples"
        )
    (prompt, *_) = next(iter(prompts.values()))
    if all(item.adapter_kind != adapter_kind for item in means.active(layout).adapters):
        raise ModelError(f"{adapter_kind}: no version is in service: see `cra-pipeline registry`")
    (record,) = asyncio.run(_asked(layout, means, [prompt]))
    return record


async def _asked(
    layout: Layout, means: Means, prompts: Sequence[LoggedPrompt]
) -> tuple[CallRecord, ...]:
    serving = Serving(
        layout, means.active, lambda *_: False, terms=means.terms, starter=means.starter
    )
    kinds = {prompt.system: prompt.call_kind for prompt in prompts}
    async with trial(layout, serving, kinds) as running:
        require_all(running)
        return await running.answers(prompts)
