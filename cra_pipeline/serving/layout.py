"""Which servers a memory holds, and with which settings: adapters and bases in, arithmetic out.

Where not all bases fit at the same time, each role gets a group of its own, and the groups take
turns: the agent reasons first and codes then. Pure.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

from cra_pipeline.contracts.serving import (
    BaseFigures,
    ServedAdapter,
    ServerInstance,
    ServingGroup,
    ServingLayout,
)

GIB = 2**30
RANKS = (8, 16, 32, 64, 128, 256, 320, 512)
"""Values of ``--max-lora-rank`` that vLLM takes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LayoutPolicy:
    """What a server needs beside its weights.

    Attributes:
        other_bytes: Activations, graphs and the library's own, of each server: 1.3 GiB of vLLM
            0.26 with Qwen3-4B.
        spare_loras: Slots beyond the adapters in service: a promotion loads the new version before
            the old one goes.
        cpu_factor: Adapters kept beside the card, in slots: unloading drops the name alone until
            newer ones push the weights out, so there must be more than ever live.
        window: Most tokens of prompt and answer together; the agent's own is 32,768.
        windows: Whole windows that the KV cache must hold: one, or the longest request never fits.
        utilisation: Share of the memory that may be taken: what is measured as free is not all to
            be had in one piece.
    """

    other_bytes: int = 1_395_864_371
    spare_loras: int = 1
    cpu_factor: int = 2
    window: int = 32768
    windows: int = 1
    utilisation: float = 1.0


def lay_out(
    adapters: Sequence[ServedAdapter],
    bases: Sequence[BaseFigures],
    *,
    memory_bytes: int,
    policy: LayoutPolicy | None = None,
) -> ServingLayout:
    """Servers for some bases and the adapters on them.

    Args:
        adapters: In service, and those beside it.
        bases: That are to be served, each once; every adapter's base is among them.
        memory_bytes: Of the card, or of the machine.
        policy: What a server needs.

    Raises:
        ValueError: Not even one role alone fits, or an adapter has no base; the message holds the
            arithmetic.
    """
    rules = policy or LayoutPolicy()
    _require_bases(adapters, bases)
    drafts = [_draft(base, adapters, rules) for base in sorted(bases, key=lambda b: b.base_id)]
    usable = int(memory_bytes * rules.utilisation)
    together = _filled(drafts, usable, rules)
    if together is not None:
        whole = ServingGroup(phase="all", instances=together)
        return _told(memory_bytes, (whole,) if together else (), drafts)
    groups = tuple(
        ServingGroup(phase=role, instances=_alone(role, drafts, bases, usable, rules))
        for role in _roles(bases)
    )
    return _told(memory_bytes, groups, drafts)


def rank_setting(rank: int) -> int:
    """The least setting that holds adapters of a rank.

    >>> [rank_setting(rank) for rank in (4, 16, 17)]
    [8, 16, 32]

    Raises:
        ValueError: No server takes adapters that large.
    """
    for setting in RANKS:
        if rank <= setting:
            return setting
    raise ValueError(f"rank {rank}: servers take {RANKS[-1]} at most: train a smaller adapter")


def _draft(
    base: BaseFigures, adapters: Sequence[ServedAdapter], policy: LayoutPolicy
) -> ServerInstance:
    """A server without its cache; ``kv_bytes`` is that of a token for now."""
    own = sorted((item for item in adapters if item.base_id == base.base_id), key=_name)
    slots = len({item.version for item in own}) + policy.spare_loras
    rank = rank_setting(max((item.rank for item in own), default=1))
    # Every slot is as large as the largest adapter of the highest rank would be.
    slot = max((item.size_bytes * rank // item.rank for item in own), default=0)
    return ServerInstance(
        name=base.base_id,
        base_id=base.base_id,
        adapters=tuple(dict.fromkeys(item.version for item in own)),
        window=min(base.window, policy.window),
        max_loras=slots,
        max_lora_rank=rank,
        max_cpu_loras=policy.cpu_factor * slots,
        weight_bytes=base.weight_bytes,
        adapter_bytes=slots * slot,
        other_bytes=policy.other_bytes,
        kv_bytes=base.kv_bytes_per_token,
        kv_tokens=0,
    )


def _filled(
    drafts: Sequence[ServerInstance], usable: int, policy: LayoutPolicy
) -> tuple[ServerInstance, ...] | None:
    """The servers with what is left as cache, shared by their windows' sizes; None: no room."""
    fixed = sum(_fixed(draft) for draft in drafts)
    wishes = [policy.windows * draft.window * draft.kv_bytes for draft in drafts]
    left = usable - fixed
    if left < sum(wishes):
        return None
    return tuple(
        _with_cache(draft, left * wish // sum(wishes))
        for draft, wish in zip(drafts, wishes, strict=True)
    )


def _fixed(draft: ServerInstance) -> int:
    return draft.weight_bytes + draft.adapter_bytes + draft.other_bytes


def _with_cache(draft: ServerInstance, room: int) -> ServerInstance:
    tokens = room // draft.kv_bytes
    return draft.model_copy(update={"kv_bytes": tokens * draft.kv_bytes, "kv_tokens": tokens})


Role = Literal["reasoning", "coding", "tiny"]


def _roles(bases: Iterable[BaseFigures]) -> tuple[Role, ...]:
    found = {base.role for base in bases}
    order: tuple[Role, ...] = ("reasoning", "coding", "tiny")
    return tuple(role for role in order if role in found)


def _alone(
    role: Role,
    drafts: Sequence[ServerInstance],
    bases: Sequence[BaseFigures],
    usable: int,
    policy: LayoutPolicy,
) -> tuple[ServerInstance, ...]:
    names = {base.base_id for base in bases if base.role == role}
    own = [draft for draft in drafts if draft.base_id in names]
    filled = _filled(own, usable, policy)
    if filled is None:
        needed = sum(_fixed(item) + policy.windows * item.window * item.kv_bytes for item in own)
        lines = "; ".join(_needs(item, policy) for item in own)
        raise ValueError(
            f"{role}: {_gib(needed)} needed, {_gib(usable)} there, {_gib(needed - usable)} short: "
            f"{lines}: a larger card, a smaller window, lower ranks or fewer adapters"
        )
    return filled


def _require_bases(adapters: Sequence[ServedAdapter], bases: Sequence[BaseFigures]) -> None:
    known = {base.base_id: base.base_digest for base in bases}
    for adapter in adapters:
        if known.get(adapter.base_id) != adapter.base_digest:
            raise ValueError(
                f"{adapter.version}: was trained on {adapter.base_id} "
                f"({adapter.base_digest[:12]}), served are {', '.join(sorted(known)) or 'none'}: "
                "adapters never cross bases"
            )


def _needs(draft: ServerInstance, policy: LayoutPolicy) -> str:
    cache = policy.windows * draft.window * draft.kv_bytes
    return (
        f"{draft.name}: weights {_gib(draft.weight_bytes)} + {draft.max_loras} adapter slots of "
        f"rank {draft.max_lora_rank} {_gib(draft.adapter_bytes)} + other {_gib(draft.other_bytes)} "
        f"+ a window of {draft.window:,} tokens {_gib(cache)} = {_gib(_fixed(draft) + cache)}"
    )


def _told(
    memory_bytes: int, groups: tuple[ServingGroup, ...], drafts: Sequence[ServerInstance]
) -> ServingLayout:
    lines = [f"{_gib(memory_bytes)} of memory, {len(drafts)} bases, {len(groups)} groups"]
    lines += [
        f"{group.phase}: {item.name}: weights {_gib(item.weight_bytes)}, {item.max_loras} adapter "
        f"slots of rank {item.max_lora_rank} {_gib(item.adapter_bytes)}, other "
        f"{_gib(item.other_bytes)}, cache {_gib(item.kv_bytes)} = {item.kv_tokens:,} tokens"
        for group in groups
        for item in group.instances
    ]
    return ServingLayout(memory_bytes=memory_bytes, groups=groups, arithmetic=tuple(lines))


def _name(adapter: ServedAdapter) -> str:
    return adapter.version


def _gib(size: int) -> str:
    return f"{size / GIB:.2f} GiB"
