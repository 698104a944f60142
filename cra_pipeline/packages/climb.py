"""Climbing the ladder for one commit: resolve, scan, probe, until the touched tests collect.

The world (index, store, sandbox) stands behind a Protocol, so that the climb itself can be
tested step by step.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Protocol

from cra_pipeline.contracts.packages import EnvironmentLock
from cra_pipeline.contracts.testrun import TestRunReport
from cra_pipeline.packages.ladder import Probe, Rung, judge_probe, with_added
from cra_pipeline.packages.policy import PackagePolicy
from cra_pipeline.packages.requirements import loosened

NO_ADDOPTS = ("-o", "addopts=")
"""Switches the repository's own pytest arguments off."""


@dataclass(frozen=True, slots=True)
class Resolution:
    """Answer of an index: a lock, or the resolver's words why there is none."""

    lock: EnvironmentLock | None
    words: str


class World(Protocol):
    """What a climb needs of the outside, for one commit."""

    def resolve(self, requirements: tuple[str, ...], as_of: str) -> Resolution:
        """Ask the index; the same question always gets the same answer."""
        ...

    def leaks(self, lock: EnvironmentLock) -> dict[str, str]:
        """Wheels of a lock that hold the repository's own code: reason by distribution."""
        ...

    def probe(self, lock: EnvironmentLock, test_args: tuple[str, ...]) -> TestRunReport | None:
        """Collect the touched tests in the sandbox; None where the commit touches none."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Climbed:
    """Where a climb ended.

    Attributes:
        lock: None where nothing could be built.
        rung: The step that gave the lock, or the last one tried.
        as_of: Its day; empty where undated.
        reason: Why nothing could be built; empty where built.
        test_args: pytest arguments that the probe needed.
        leaks: Wheels left out, with the reason.
        notes: Requirements loosened, left out or added.
    """

    lock: EnvironmentLock | None
    rung: str
    as_of: str
    reason: str
    test_args: tuple[str, ...] = ()
    leaks: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class _Attempt:
    rung: Rung
    climbed: Climbed
    probe: Probe | None

    def score(self) -> tuple[int, int, int]:
        """Tests found, then fewer broken files, then fewer missing modules."""
        probe = self.probe
        if probe is None:
            return -1, 0, 0
        return probe.collected, -len(probe.failed), -len(probe.missing)


def _best(tried: list[_Attempt]) -> _Attempt:
    """The attempt that came furthest, of equal ones the first."""
    return max(tried, key=_Attempt.score)


def climb(
    rungs: Iterable[Rung],
    world: World,
    policy: PackagePolicy,
    *,
    own_modules: frozenset[str],
    native: str,
) -> Climbed:
    """Try rung after rung; the first whose touched tests collect is taken.

    Where none does, what the best of them missed is added. Where some touched files still cannot
    be collected but others can, the best rung is taken and named ``(partial)``; where they can be
    imported but hold no test, it is named ``(nothing to collect)``.

    Args:
        rungs: Of ``declared_rungs``, in their order.
        world: Index, leak scan and sandbox for this commit.
        policy: How far to go.
        own_modules: Top-level names that the tree itself provides.
        native: Why a compiled part may be needed; empty for pure Python.
    """
    tried: list[_Attempt] = []
    for rung in rungs:
        if rung.as_of and tried and _dating_is_no_help(tried[-1]):
            continue
        attempt = _attempt(rung, world, policy, own_modules)
        if not attempt.climbed.reason:
            return attempt.climbed
        tried.append(attempt)
        if _is_final(attempt, native):
            return _failure(tried, native)
    last = _best(tried)
    for _ in range(policy.missing_rounds):
        added = set(last.probe.missing if last.probe else ()) - set(last.rung.requirements)
        if not added:
            break
        last = _attempt(with_added(last.rung, added), world, policy, own_modules)
        if not last.climbed.reason:
            return last.climbed
        tried.append(last)
    return _failure(tried, native)


def _is_final(attempt: _Attempt, native: str) -> bool:
    """No wheel can bring what is missing: another syntax, or the project's own compiled part."""
    probe = attempt.probe
    if probe is None:
        return False
    return probe.hopeless or bool(native and probe.own_missing and not probe.missing)


def _dating_is_no_help(attempt: _Attempt) -> bool:
    """Undated tests failed for foreign modules alone: older wheels will not bring those."""
    probe = attempt.probe
    return probe is not None and bool(probe.missing) and not probe.own_missing and not probe.usage


def _attempt(
    rung: Rung, world: World, policy: PackagePolicy, own_modules: frozenset[str]
) -> _Attempt:
    first = _once(rung, world, policy, own_modules, ())
    if first.probe is None or not first.probe.usage:
        return first
    if first.probe.missing:
        richer = replace(
            rung, requirements=tuple(sorted({*rung.requirements, *first.probe.missing}))
        )
        second = _once(richer, world, policy, own_modules, ())
        if second.probe is not None and not second.probe.usage:
            note = f"plugins added: {', '.join(first.probe.missing)}"
            notes = (*second.climbed.notes, note)
            return replace(second, climbed=replace(second.climbed, notes=notes))
    return _once(rung, world, policy, own_modules, NO_ADDOPTS)


def _once(
    rung: Rung,
    world: World,
    policy: PackagePolicy,
    own_modules: frozenset[str],
    test_args: tuple[str, ...],
) -> _Attempt:
    resolution, notes = _resolve(rung, world, policy)
    if resolution.lock is None:
        climbed = Climbed(
            lock=None, rung=rung.name, as_of=rung.as_of, reason=_unresolved(resolution.words),
            notes=notes,
        )  # fmt: skip
        return _Attempt(rung=rung, climbed=climbed, probe=None)
    lock, leaks = _without_leaks(resolution.lock, world)
    report = world.probe(lock, test_args)
    probe = judge_probe(report, own_modules) if report is not None else None
    climbed = Climbed(
        lock=lock,
        rung=rung.name if probe is not None else f"{rung.name} (nothing to collect)",
        as_of=rung.as_of,
        reason=probe.reason if probe is not None else "",
        test_args=test_args,
        leaks=leaks,
        notes=notes,
    )
    return _Attempt(rung=rung, climbed=climbed, probe=probe)


def _resolve(rung: Rung, world: World, policy: PackagePolicy) -> tuple[Resolution, tuple[str, ...]]:
    """Resolve, giving way at the requirements that the resolver names."""
    lines, notes = rung.requirements, []
    resolution = world.resolve(lines, rung.as_of)
    for _ in range(policy.relaxations):
        if resolution.lock is not None:
            break
        relaxed = loosened(lines, resolution.words)
        if relaxed is None:
            break
        lines, note = relaxed
        notes.append(note)
        resolution = world.resolve(lines, rung.as_of)
    return resolution, tuple(notes)


def _unresolved(words: str) -> str:
    kind = "sdist_only" if "no usable wheels" in words else "unresolvable"
    return f"{kind}: {' '.join(words.split())}"[:300]


def _without_leaks(lock: EnvironmentLock, world: World) -> tuple[EnvironmentLock, tuple[str, ...]]:
    found = world.leaks(lock)
    kept = tuple(pin for pin in lock.wheels if pin.name not in found)
    named = [
        f"{pin.name} {pin.version}: {found[pin.name]}" for pin in lock.wheels if pin.name in found
    ]
    return lock.model_copy(update={"wheels": kept}), tuple(named)


def _failure(tried: list[_Attempt], native: str) -> Climbed:
    best = _best(tried)
    if best.probe is not None and best.probe.silent:
        rung = f"{best.climbed.rung} (nothing to collect)"
        return replace(best.climbed, rung=rung, reason="")
    if best.probe is not None and best.probe.collected and best.probe.failed:
        note = f"cannot be collected: {', '.join(best.probe.failed)}: {best.climbed.reason}"
        return replace(
            best.climbed,
            rung=f"{best.climbed.rung} (partial)",
            reason="",
            notes=(*best.climbed.notes, note),
        )
    reason = best.climbed.reason
    if native and best.probe is not None and best.probe.own_missing:
        own = ", ".join(best.probe.own_missing)
        reason = f"native_extension: {own} needs a compiled part ({native}); {reason}"
    if best.climbed.leaks:
        reason = f"{reason}; left out as leaks: {'; '.join(best.climbed.leaks)}"
    return replace(best.climbed, lock=None, reason=reason, test_args=())
