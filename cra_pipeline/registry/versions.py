"""Names of versions, and what the agent calls the jobs that an adapter kind serves."""

from __future__ import annotations

import re

from cra_pipeline.kinds import ADAPTER_KINDS, CALL_KINDS

_VERSION = re.compile(r"([a-z][a-z0-9_]*)-v([1-9][0-9]*)")


def version_name(adapter_kind: str, number: int) -> str:
    """Such as ``scope-v3``."""
    return f"{adapter_kind}-v{number}"


def parts_of(version: str) -> tuple[str, int]:
    """Adapter kind and number of a version.

    >>> parts_of("planning_dpo-v12")
    ('planning_dpo', 12)

    Raises:
        ValueError: It is no version's name.
    """
    match = _VERSION.fullmatch(version)
    if match is None:
        raise ValueError(f"{version!r} is no version: expected kind-vN, such as scope-v3")
    return match[1], int(match[2])


def is_version(text: str, adapter_kind: str) -> bool:
    """Whether a text names a version of a kind.

    >>> is_version("scope-v3", "scope"), is_version("scope-v3", "precision")
    (True, False)
    """
    match = _VERSION.fullmatch(text)
    return match is not None and match[1] == adapter_kind


def stages_of(adapter_kind: str) -> tuple[str, ...]:
    """The agent's stage names under which a kind is looked up; each has one active version.

    >>> stages_of("planning_dpo")
    ('meta_plan', 'step_plan', 'test_plan')

    Raises:
        ValueError: No such kind.
    """
    if adapter_kind not in ADAPTER_KINDS:
        raise ValueError(
            f"{adapter_kind!r} is no adapter kind: expected one of {', '.join(ADAPTER_KINDS)}"
        )
    return ADAPTER_KINDS[adapter_kind].stages


def role_of(adapter_kind: str) -> str:
    """Role of the model under an adapter, which the agent's tables call its base model."""
    stages = stages_of(adapter_kind)
    return next(row.role for row in CALL_KINDS.values() if row.stage in stages)
