"""Who answers which calls in each arm of a gate, and what decides an attempt of one. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from cra_pipeline.contracts.gates import Arm
from cra_pipeline.contracts.tasks import TaskRow
from cra_pipeline.harness.holdout import HoldoutPolicy, policy_of_cells
from cra_pipeline.harness.records import unit_key
from cra_pipeline.kinds import ADAPTER_KINDS, CALL_KINDS

TOGETHER = "together"
"""In place of a kind: every new adapter of a round answers its own calls."""
BASE_HALF = "gate_1_base_half"
"""In place of a kind: a tuned base plans in place of the untuned one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Speaker:
    """A base, or an adapter on it.

    Attributes:
        base_id: Of the base.
        base_digest: Content id of the base.
        adapter: ``kind|round`` of a candidate's partition, the version of one in service; empty
            for the base itself.
        adapter_digest: Of the adapter; empty with it.
    """

    base_id: str
    base_digest: str
    adapter: str = ""
    adapter_digest: str = ""

    @property
    def bare(self) -> Speaker:
        """The base that it stands on."""
        return Speaker(base_id=self.base_id, base_digest=self.base_digest)

    @property
    def model(self) -> str:
        """Digest of the base, and behind a ``+`` that of the adapter."""
        return "+".join(part for part in (self.base_digest, self.adapter_digest) if part)


@dataclass(frozen=True, slots=True, kw_only=True)
class ArmCast:
    """One arm.

    Attributes:
        arm: Its name.
        speakers: (call kind, who answers it), sorted by call kind; gold answers all others.
    """

    arm: Arm
    speakers: tuple[tuple[str, Speaker], ...]

    @property
    def model(self) -> str:
        """Digests of all bases, then of all adapters, each sorted and joined by ``+``."""
        voices = [speaker for _, speaker in self.speakers]
        bases = sorted({voice.base_digest for voice in voices})
        adapters = sorted({voice.adapter_digest for voice in voices} - {""})
        return "+".join((*bases, *adapters))

    @property
    def answered(self) -> frozenset[str]:
        """Call kinds that a model answers."""
        return frozenset(kind for kind, _ in self.speakers)

    def key(self, served_as: str) -> str:
        """Decides what is said in it, whatever its name: equal ones share their attempts."""
        said = [f"{kind}={speaker.model}" for kind, speaker in self.speakers]
        return unit_key("arm", served_as, *said)


@dataclass(frozen=True, slots=True, kw_only=True)
class Cast:
    """All arms of one gate.

    Attributes:
        name: Adapter kind, or what stands in place of one.
        round: Whose holdout is asked.
        arms: In the order base, incumbent, candidate; a missing incumbent has none.
    """

    name: str
    round: str
    arms: tuple[ArmCast, ...]


def calls_of(adapter_kind: str) -> tuple[str, ...]:
    """Call kinds that a kind of adapter answers, sorted.

    Raises:
        KeyError: There is no such kind.
    """
    stages = ADAPTER_KINDS[adapter_kind].stages
    return tuple(sorted(row.name for row in CALL_KINDS.values() if row.stage in stages))


def kind_arms(
    adapter_kind: str, round_name: str, candidate: Speaker, incumbent: Speaker | None
) -> Cast:
    """Arms in which one kind's calls are answered by the candidate, and by what it is held against.

    An incumbent on another base is void: it could not be served beside the candidate.
    """
    return round_arms(
        round_name,
        {adapter_kind: candidate},
        {} if incumbent is None else {adapter_kind: incumbent},
        name=adapter_kind,
    )


def round_arms(
    round_name: str,
    candidates: Mapping[str, Speaker],
    incumbents: Mapping[str, Speaker],
    *,
    name: str = TOGETHER,
) -> Cast:
    """Arms in which all candidates of a round answer their own calls at once.

    Where any kind has an incumbent there is an arm of them; kinds without one are answered by their
    base in it, as they are in service. Without a candidate there is nothing to hold against, and
    no arm.

    Args:
        round_name: Whose holdout is asked.
        candidates: By kind.
        incumbents: By kind, as frozen when the round was opened.
        name: Of the cast.
    """
    if not candidates:
        return Cast(name=name, round=round_name, arms=())
    bare = {kind: speaker.bare for kind, speaker in candidates.items()}
    standing = {
        kind: incumbents[kind]
        for kind in candidates
        if kind in incumbents and incumbents[kind].bare == bare[kind]
    }
    arms = [_arm("base", bare), _arm("incumbent", {**bare, **standing})] if standing else [
        _arm("base", bare)
    ]  # fmt: skip
    return Cast(name=name, round=round_name, arms=(*arms, _arm("candidate", candidates)))


def base_arms(round_name: str, untuned: Speaker, tuned: Speaker, calls: Iterable[str]) -> Cast:
    """Arms in which two bases answer the same calls; no adapter is in either."""
    kinds = sorted(calls)
    return Cast(
        name=BASE_HALF,
        round=round_name,
        arms=(
            ArmCast(arm="base", speakers=tuple((kind, untuned) for kind in kinds)),
            ArmCast(arm="candidate", speakers=tuple((kind, tuned) for kind in kinds)),
        ),
    )


def _arm(arm: Arm, by_kind: Mapping[str, Speaker]) -> ArmCast:
    speakers = [(call, speaker) for kind, speaker in by_kind.items() for call in calls_of(kind)]
    return ArmCast(arm=arm, speakers=tuple(sorted(speakers, key=lambda pair: pair[0])))


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """What decides an attempt beside task and arm.

    Attributes:
        program: Digest of the agent's program.
        served_as: Precision of the served form.
        policy: Settings, limits and words.
    """

    program: str
    served_as: str
    policy: HoldoutPolicy


def cell_key(arm: ArmCast, task: TaskRow, environment: str, seed: int, terms: Terms) -> str:
    """Id of an attempt: the same in every kind and round that asks the same of the same models.

    Args:
        arm: Who answers.
        task: As it stands now.
        environment: Digest of the environment that its tests run in.
        seed: Of the attempt.
        terms: Everything else.
    """
    return unit_key(
        *(arm.key(terms.served_as), task.digest(), environment, str(seed)),
        *(terms.program, policy_of_cells(terms.policy)),
    )


def distinct(casts: Sequence[ArmCast], served_as: str) -> tuple[ArmCast, ...]:
    """Arms that say different things, in their order: equal ones are run once."""
    found = {arm.key(served_as): arm for arm in reversed(casts)}
    return tuple(arm for arm in casts if found[arm.key(served_as)] is arm)
