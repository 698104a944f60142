"""Two servers asked the same: how far their answers agree, and what would change. Pure."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from statistics import median

from cra_pipeline.contracts.gates import Estimate
from cra_pipeline.contracts.serving import AskedBoth, KindAgreement
from cra_pipeline.kinds import CALL_KINDS, read_verdict
from cra_pipeline.serving.proportions import wilson

_SLOWER = 1.5
"""A median that grows by more is told as a change: less is within a machine's own noise."""


def same(call_kind: str, old: str, new: str) -> bool:
    """Whether the agent would make the same of two answers.

    Yes/no answers count as it reads them (what it cannot read is a no), JSON by its content, all
    else by its words.
    """
    form = CALL_KINDS[call_kind].form
    if form == "binary":
        return bool(read_verdict(old)) == bool(read_verdict(new))
    if form == "json":
        return _content(old) == _content(new)
    return old.split() == new.split()


def unreadable(call_kind: str, answer: str) -> bool:
    """Whether the agent could make nothing of a yes/no answer."""
    return CALL_KINDS[call_kind].form == "binary" and read_verdict(answer) is None


def agreement(
    rows: Sequence[AskedBoth], models: Mapping[str, tuple[str, str]]
) -> tuple[KindAgreement, ...]:
    """Figures of each call kind, sorted.

    Args:
        rows: Both answers to each prompt.
        models: Who answered, old and new, by call kind.
    """
    kinds = sorted({row.call_kind for row in rows})
    return tuple(
        _of_kind([row for row in rows if row.call_kind == kind], *models[kind]) for kind in kinds
    )


def commonest(errors: Sequence[str]) -> tuple[str, int] | None:
    """The error that came most often, the first of equals, and how often; None without any.

    Args:
        errors: Of one side, for each prompt; empty where there was an answer.
    """
    found = Counter(error for error in errors if error).most_common(1)
    return found[0] if found else None


def changes(kinds: Sequence[KindAgreement], old_memory: int | None, new_memory: int | None) -> (
    tuple[str, ...]
):  # fmt: skip
    """What would change, in words; worst agreement first."""
    found = []
    for kind in sorted(kinds, key=lambda one: one.agreement.value if one.agreement else -1.0):
        found += _of_one(kind)
    if old_memory is not None and new_memory is not None:
        found.append(f"memory: {_mib(old_memory)} before, {_mib(new_memory)} after")
    return tuple(found)


def _of_kind(rows: Sequence[AskedBoth], old_model: str, new_model: str) -> KindAgreement:
    kind = rows[0].call_kind
    both = [row for row in rows if not row.old_error and not row.new_error]
    equal = sum(row.equal for row in both)
    return KindAgreement(
        call_kind=kind,
        prompts=len(rows),
        old_model=old_model,
        new_model=new_model,
        agreement=_estimate(equal, len(both)) if both else None,
        old_errors=sum(bool(row.old_error) for row in rows),
        new_errors=sum(bool(row.new_error) for row in rows),
        old_unreadable=sum(unreadable(kind, row.old) for row in rows if not row.old_error),
        new_unreadable=sum(unreadable(kind, row.new) for row in rows if not row.new_error),
        old_ms=_median([row.old_ms for row in rows if not row.old_error]),
        new_ms=_median([row.new_ms for row in rows if not row.new_error]),
    )


def _of_one(kind: KindAgreement) -> list[str]:
    name, found = kind.call_kind, []
    if kind.old_model != kind.new_model:
        found.append(f"{name}: {kind.new_model} answers in place of {kind.old_model}")
    if kind.agreement is not None and kind.agreement.value < 1:
        found.append(
            f"{name}: {1 - kind.agreement.value:.0%} of the answers change (95 %: "
            f"{1 - kind.agreement.high:.0%} to {1 - kind.agreement.low:.0%})"
        )
    for what, old, new in (
        ("have no answer", kind.old_errors, kind.new_errors),
        ("have an answer that the agent cannot read", kind.old_unreadable, kind.new_unreadable),
    ):
        if old != new:
            found.append(f"{name}: {new} of {kind.prompts} prompts {what}, {old} before")
    if kind.old_ms and kind.new_ms and not 1 / _SLOWER <= kind.new_ms / kind.old_ms <= _SLOWER:
        found.append(f"{name}: {kind.new_ms:.0f} ms an answer, {kind.old_ms:.0f} before")
    return found


def _estimate(equal: int, of: int) -> Estimate:
    low, high = wilson(equal, of)
    return Estimate(value=equal / of, low=low, high=high, clusters=of, method="Wilson")


def _median(times: Sequence[float]) -> float | None:
    return median(times) if times else None


def _content(text: str) -> object:
    try:
        return json.loads(text.strip().removeprefix("```json").strip("`\n "))
    except (ValueError, RecursionError):
        return text.split()


def _mib(size: int) -> str:
    return f"{size / 2**20:,.0f} MiB"
