"""``deployment``: what the registry says, really served on this machine and really asked once."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path

from cra_pipeline.contracts.calls import CallRecord
from cra_pipeline.contracts.manifests import AssetManifest, CheckReport, Count, Input
from cra_pipeline.contracts.reports import StageReport
from cra_pipeline.contracts.serving import (
    DeployedAnswer,
    DeployedVersion,
    Deployment,
    ServedAdapter,
)
from cra_pipeline.contracts.workspace import MULTI, Layout
from cra_pipeline.errors import ModelError, PipelineError
from cra_pipeline.integrations.adapter_files import adapter_digest
from cra_pipeline.integrations.bases import verify_base
from cra_pipeline.integrations.evidence import write_check
from cra_pipeline.integrations.files import partition_lock, read_record, write_record
from cra_pipeline.kinds import ADAPTER_KINDS, adapter_kind_of
from cra_pipeline.serving.routes import calls_of
from cra_pipeline.serving.stage.forms import gated_as
from cra_pipeline.serving.stage.planning import Active
from cra_pipeline.serving.stage.prompts import LoggedPrompt, sample
from cra_pipeline.serving.stage.running import Serving, Starter, Terms
from cra_pipeline.serving.stage.trying import Trial, require_all, trial

ASSET = "deployment"
_SHOWN = 60

Known = Callable[[Layout, str], ServedAdapter]
"""A version as the ledger knows it; the registry's."""


@dataclass(frozen=True, slots=True)
class Means:
    """How a deployment is tried.

    Attributes:
        active: Reads what the ledger says serves.
        terms: Which server, how much memory.
        starter: Starts servers in another way than the table of model servers.
    """

    active: Active
    terms: Terms = field(default_factory=Terms)
    starter: Starter | None = None


def deployment_path(layout: Layout, round_name: str) -> Path:
    """The deployment of a round."""
    return layout.partition(ASSET, round_name) / "deployment.json"


def deploy(layout: Layout, round_name: str, means: Means) -> StageReport:
    """Start what the registry says serves, ask one logged prompt of each kind, and write it down.

    The servers end with it: ``cra-pipeline serve`` runs them for agents. Where anything fails, the
    deployment of before stands as it was.

    Args:
        layout: The workspace.
        round_name: After whose promotions it is made.
        means: How it is tried.

    Raises:
        ModelError: Something does not fit, cannot be loaded, or does not answer as it should.
        PipelineError: The registry or a base cannot be read.
    """
    with partition_lock(layout, ASSET, round_name):
        found = asyncio.run(_tried(layout, round_name, means))
        manifest = _written(layout, found)
    return StageReport(manifest=manifest, preview=tuple(_shown(answer) for answer in found.answers))


async def _tried(layout: Layout, round_name: str, means: Means) -> Deployment:
    prompts, _ = sample(layout, most=1)
    kinds = {one.system: kind for kind, (one, *_) in prompts.items()}
    # In which form each was gated is the check's to judge.
    terms = replace(means.terms, other_form=True)
    serving = Serving(layout, means.active, lambda *_: False, terms=terms, starter=means.starter)
    async with trial(layout, serving, kinds) as running:
        require_all(running)
        asked = chosen(running, prompts)
        records = await running.answers(asked)
        answers = tuple(
            _answer(running, one, record) for one, record in zip(asked, records, strict=True)
        )
        versions = tuple(
            _version(layout, adapter, serving.line_up.instances[adapter.base_id].served_as)
            for _, adapter in sorted(serving.plan.adapters.items())
        )
    heard = {answer.adapter_kind for answer in answers}
    plan = serving.plan
    return Deployment(
        round=round_name,
        ledger=plan.serving.ledger,
        server=means.terms.choice.name,
        layout=plan.layout,
        versions=versions,
        answers=tuple(sorted(answers, key=lambda answer: answer.call_kind)),
        unasked=tuple(sorted({item.adapter_kind for item in plan.serving.adapters} - heard)),
        previous="",
        inputs=_inputs(layout, round_name),
    )


def chosen(running: Trial, prompts: dict[str, tuple[LoggedPrompt, ...]]) -> list[LoggedPrompt]:
    """One logged prompt of each kind in service, and one for each base that answers by itself."""
    found: dict[str, LoggedPrompt] = {}
    for kind, (prompt, *_) in prompts.items():
        route = running.serving.responder.routes.by_kind.get(kind)
        if route is not None:
            found.setdefault(route.model, prompt)
    return [found[model] for model in sorted(found)]


def _answer(running: Trial, prompt: LoggedPrompt, record: CallRecord) -> DeployedAnswer:
    route = running.serving.responder.routes.by_kind[prompt.call_kind]
    if record.model != route.model or record.error:
        raise ModelError(
            f"{prompt.call_kind}: {route.model} was to answer, {record.model} did"
            f"{f': {record.error}' if record.error else ''}: the deployment is not changed"
        )
    return DeployedAnswer(
        call_kind=prompt.call_kind,
        adapter_kind=adapter_kind_of(prompt.call_kind) if route.version else "",
        model=record.model,
        prompt_sha256=prompt.prompt_hash,
        source=prompt.source,
        response=record.response,
    )


def _version(layout: Layout, adapter: ServedAdapter, form: str) -> DeployedVersion:
    return DeployedVersion(
        version=adapter.version,
        adapter_kind=adapter.adapter_kind,
        adapter_digest=adapter_digest(layout.adapter_version(adapter.version))[0],
        base_id=adapter.base_id,
        base_digest=verify_base(layout, adapter.base_id).content_id,
        served_as=form,
        gated_as=gated_as(layout, adapter),
    )


def _written(layout: Layout, found: Deployment) -> AssetManifest:
    path = deployment_path(layout, found.round)
    before = _before(layout, path)
    if before is not None:
        same = before.model_copy(update={"previous": ""}) == found
        found = found.model_copy(update={"previous": before.previous if same else before.digest()})
    layout.manifest(ASSET, found.round).unlink(missing_ok=True)
    write_record(path, found)
    manifest = AssetManifest(
        asset=ASSET,
        partition=found.round,
        rows=len(found.versions),
        content_id=found.digest(),
        inputs=found.inputs,
        counts=tuple(
            Count(label=version.adapter_kind, count=1)
            for version in sorted(found.versions, key=lambda one: one.adapter_kind)
        ),
        policy=json.dumps({"server": found.server}),
    )
    write_record(layout.manifest(ASSET, found.round), manifest)
    return manifest


def _before(layout: Layout, path: Path) -> Deployment | None:
    """What stood before: of this round, else of the newest one before it."""
    paths = sorted(layout.partition(ASSET, "").glob("*/deployment.json"))
    older = [one for one in paths if one <= path]
    return read_record(older[-1], Deployment) if older else None


def _inputs(layout: Layout, round_name: str) -> tuple[Input, ...]:
    cells = [("registry_entry", f"{kind}{MULTI}{round_name}") for kind in sorted(ADAPTER_KINDS)]
    return tuple(
        Input(name=f"{asset}/{cell}", content_id=manifest.content_id)
        for asset, cell in cells
        if layout.manifest(asset, cell).exists()
        for manifest in (read_record(layout.manifest(asset, cell), AssetManifest),)
    )


def _shown(answer: DeployedAnswer) -> dict[str, str]:
    return {
        "call kind": answer.call_kind,
        "answered by": answer.model,
        "prompt": answer.source,
        "said": answer.response[:_SHOWN],
    }


def check_deployment(layout: Layout, round_name: str, known: Known) -> CheckReport:
    """Judge a deployment: the files that were served are those that were gated, in the same form.

    Args:
        layout: The workspace.
        round_name: Its round.
        known: A version as the ledger knows it.

    Raises:
        StoreError: There is none, or it is damaged.
    """
    found = read_record(deployment_path(layout, round_name), Deployment)
    manifest = read_record(layout.manifest(ASSET, round_name), AssetManifest)
    findings = []
    if found.digest() != manifest.content_id:
        findings.append("deployment.json was edited after it was written: make it again")
    for version in found.versions:
        findings += _findings(layout, version, known)
    answered = {answer.model for answer in found.answers}
    findings += [
        f"{version.version}: was not asked, though prompts of its kind are logged"
        for version in found.versions
        if version.version not in answered and version.adapter_kind not in found.unasked
    ]
    notes = [f"{kind}: no prompt of its calls ({', '.join(calls_of(kind))}) is logged, so none "
             "was asked" for kind in found.unasked]  # fmt: skip
    return write_check(layout, manifest, findings, notes=notes)


def _findings(layout: Layout, version: DeployedVersion, known: Known) -> list[str]:
    name = version.version
    try:
        row = known(layout, name)
        now, _ = adapter_digest(layout.adapter_version(name))
        base = verify_base(layout, version.base_id).content_id
    except PipelineError as error:
        return [f"{name}: {error}"]
    found = [
        f"{name}: {what} is {said[:12] or 'not told'}, {whose} {expected[:12]}"
        for what, said, whose, expected in (
            ("the adapter that was served", version.adapter_digest, "registered is",
             row.adapter_digest),
            ("the adapter in its folder", now, "registered is", row.adapter_digest),
            ("the base that was served", version.base_digest, "registered is", row.base_digest),
            ("the base in its folder", base, "registered is", row.base_digest),
        )
        if said != expected
    ]  # fmt: skip
    if version.served_as != version.gated_as:
        found.append(
            f"{name}: served as {version.served_as or 'not told'}, gated as "
            f"{version.gated_as or 'not told'}: gate it in the form that serves"
        )
    return found
