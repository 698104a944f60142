"""What is served where: versions in service, servers, routes, and what became of a deployment."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from cra_pipeline.contracts.gates import Estimate
from cra_pipeline.contracts.manifests import Input
from cra_pipeline.contracts.record import Record


class ServedAdapter(Record):
    """A version as servers know it; its own folder is ``Layout.adapter_version``."""

    version: str
    """The name under which it is served, such as ``scope-v3``."""
    adapter_kind: str
    round: str
    base_id: str
    base_digest: str
    adapter_digest: str
    gate_report: str
    """Digest of the report with which it was registered."""
    rank: int
    size_bytes: int
    """Of its weights' file."""


class InService(Record):
    """What the ledger says serves."""

    ledger: int
    """Number of the ledger's last line; -1 where there is none."""
    adapters: tuple[ServedAdapter, ...]
    """One at most of each kind, sorted by kind."""


class BaseFigures(Record):
    """A base as far as memory and service are concerned."""

    base_id: str
    base_digest: str
    role: Literal["reasoning", "coding", "tiny"]
    window: int
    """Most tokens of prompt and answer together."""
    weight_bytes: int
    """In the served precision."""
    kv_bytes_per_token: int


class ServerInstance(Record):
    """One server: a base, the adapters on it, and the settings that it is started with."""

    name: str
    """Its ``base_id``: a base is served once."""
    base_id: str
    adapters: tuple[str, ...]
    """Versions, sorted."""
    window: int
    max_loras: int
    """Adapters in the accelerator's memory at once, the one that a promotion loads included."""
    max_lora_rank: int
    max_cpu_loras: int
    """Adapters kept beside it."""
    weight_bytes: int
    adapter_bytes: int
    """Of all slots."""
    other_bytes: int
    """Activations, graphs and the library's own."""
    kv_bytes: int
    kv_tokens: int

    @property
    def whole_bytes(self) -> int:
        """All of it."""
        return self.weight_bytes + self.adapter_bytes + self.other_bytes + self.kv_bytes


class ServingGroup(Record):
    """Servers that run at the same time."""

    phase: Literal["all", "reasoning", "coding", "tiny"]
    """``all`` where one group is enough; else the role whose calls it answers."""
    instances: tuple[ServerInstance, ...]


class ServingLayout(Record):
    """Which servers with which settings; more than one group take turns."""

    memory_bytes: int
    """Of the card, or of the machine."""
    groups: tuple[ServingGroup, ...]
    arithmetic: tuple[str, ...]
    """How it came about, in words for a person."""

    @property
    def instances(self) -> tuple[ServerInstance, ...]:
        """Of all groups."""
        return tuple(item for group in self.groups for item in group.instances)


class DeployedAnswer(Record):
    """One question of the smoke test and what came of it."""

    call_kind: str
    adapter_kind: str
    """Empty where the base answers."""
    model: str
    """That was to answer, and did."""
    prompt_sha256: str
    source: str
    """Where the prompt was logged, such as ``triples/till|r01``."""
    response: str


class DeployedVersion(Record):
    """A version as it was really served."""

    version: str
    adapter_kind: str
    adapter_digest: str
    """Of the files that the server loaded, hashed then."""
    base_id: str
    base_digest: str
    served_as: str
    """Precision of the served form."""
    gated_as: str
    """The same of the candidate's attempts in its gate; empty where they are not there any more."""


class Deployment(Record):
    """``deployment/<round>/deployment.json``: a layout that was applied and answered."""

    round: str
    ledger: int
    """Number of the ledger's last line then."""
    server: str
    """Name in the table of model servers."""
    layout: ServingLayout
    versions: tuple[DeployedVersion, ...]
    """Sorted by version."""
    answers: tuple[DeployedAnswer, ...]
    """Sorted by call kind."""
    unasked: tuple[str, ...]
    """Adapter kinds in service without any logged prompt, so that none was asked; sorted."""
    previous: str
    """Digest of the deployment that it took the place of; empty for the first."""
    inputs: tuple[Input, ...]


class Comparison(Record):
    """Line of ``comparisons.jsonl``: what a shadow said beside the answer that was given."""

    call_kind: str
    prompt_sha256: str
    model: str
    response: str
    shadow: str
    """Version in the shadow."""
    shadow_response: str
    error: str
    """Why the shadow said nothing; empty otherwise."""
    shadow_ms: int


class KindAgreement(Record):
    """Two servers on the same prompts of one call kind."""

    call_kind: str
    prompts: int
    old_model: str
    new_model: str
    agreement: Estimate | None
    """Share of equal answers, by Wilson; None where neither answered any."""
    old_errors: int
    new_errors: int
    old_unreadable: int
    """Answers to yes/no questions that the agent could not tell."""
    new_unreadable: int
    old_ms: float | None
    """Median of the answers' times, a host fact."""
    new_ms: float | None


class AskedBoth(Record):
    """One prompt and both answers to it."""

    call_kind: str
    prompt_sha256: str
    prompt: str
    """Its last characters, for a reader."""
    old: str
    new: str
    old_error: str
    new_error: str
    equal: bool
    old_ms: float
    new_ms: float


class MigrationReport(Record):
    """``migration/migration.json``: what changes if the new server takes the old one's place."""

    old: str
    """Address, or what it was."""
    new: str
    sample: int
    """Prompts wanted of each call kind."""
    seed: int
    logged: int
    """Different prompts that the sample was drawn from."""
    kinds: tuple[KindAgreement, ...]
    answers: tuple[AskedBoth, ...]
    changes: tuple[str, ...]
    """What would change, in words."""
    old_memory_bytes: int | None
    """Of the server's processes; None where it is not on this machine or not known."""
    new_memory_bytes: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Route:
    """Where a call is answered.

    Attributes:
        instance: Name of a server.
        model: Asked for there, and nothing else may answer: a version or a ``base_id``.
        version: The same where it is an adapter; empty for a base.
    """

    instance: str
    model: str
    version: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Routes:
    """Who answers what; replaced as a whole, never changed.

    Attributes:
        by_kind: Route by call kind.
        refused: Why no one answers a call kind, by call kind; kinds in neither are unknown.
        canaries: By call kind, a second route and its share of the calls, in (0, 1].
        shadows: By call kind, a route that is asked beside and never heard.
    """

    by_kind: Mapping[str, Route] = field(default_factory=dict)
    refused: Mapping[str, str] = field(default_factory=dict)
    canaries: Mapping[str, tuple[Route, float]] = field(default_factory=dict)
    shadows: Mapping[str, Route] = field(default_factory=dict)

    @property
    def models(self) -> frozenset[tuple[str, str]]:
        """(instance, model) of every route."""
        routes = [
            *self.by_kind.values(),
            *(route for route, _ in self.canaries.values()),
            *self.shadows.values(),
        ]
        return frozenset((route.instance, route.model) for route in routes)
