"""What the ledger's lines come to: a state machine without a state of its own.

``AFTER`` is the whole table of what may follow; a line that breaks it is refused before it is
written, and was not written by the registry where it is found in the file.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Literal

from cra_pipeline.contracts.registry import LedgerAct, LedgerLine, VersionState
from cra_pipeline.errors import RegistryError
from cra_pipeline.registry.versions import version_name

State = Literal["registered", "active", "archived", "retired", "void", "refused"]

AFTER: Mapping[LedgerAct, frozenset[State]] = {
    "refused": frozenset({"registered", "refused"}),
    "promotion_intended": frozenset({"registered", "refused", "archived"}),
    "rollback_intended": frozenset({"archived"}),
    "retired": frozenset({"registered", "refused", "archived", "void"}),
}
"""Acts on a version, and the states in which it may be for them."""

_ENDINGS: Mapping[LedgerAct, LedgerAct] = {
    "promotion_done": "promotion_intended",
    "promotion_undone": "promotion_intended",
    "rollback_done": "rollback_intended",
    "rollback_undone": "rollback_intended",
}


@dataclass(slots=True, kw_only=True)
class Standing:
    """All versions as of the last line; read it, do not change it.

    Attributes:
        versions: By name, in the order in which they were registered.
        lines: The line by which each version was registered.
        active: Version in service by adapter kind; kinds without one are absent.
        since: The line that put it, or nothing, in service, by kind.
        earlier: Versions that served before it, newest last, by kind.
        backed: The rollback that last took a version out of service, by version.
        bases: Content id of each registered base, by ``base_id``.
        obsolete: ``base_id`` of those that others replaced.
        intent: The act that is under way.
    """

    versions: dict[str, VersionState] = field(default_factory=dict)
    lines: dict[str, LedgerLine] = field(default_factory=dict)
    active: dict[str, str] = field(default_factory=dict)
    since: dict[str, LedgerLine] = field(default_factory=dict)
    earlier: dict[str, tuple[str, ...]] = field(default_factory=dict)
    backed: dict[str, LedgerLine] = field(default_factory=dict)
    bases: dict[str, str] = field(default_factory=dict)
    obsolete: frozenset[str] = frozenset()
    intent: LedgerLine | None = None

    @property
    def kinds(self) -> tuple[str, ...]:
        """Adapter kinds that have a version, sorted."""
        return tuple(sorted({row.adapter_kind for row in self.versions.values()}))

    def of_kind(self, adapter_kind: str) -> tuple[VersionState, ...]:
        """Versions of one kind, oldest first."""
        return tuple(row for row in self.versions.values() if row.adapter_kind == adapter_kind)

    def next_version(self, adapter_kind: str) -> str:
        """Name of the version that is registered next: numbers only grow."""
        return version_name(adapter_kind, len(self.of_kind(adapter_kind)) + 1)

    def before(self, adapter_kind: str) -> str:
        """The version to which a rollback leads; empty where none before is sound."""
        sound = (
            name
            for name in reversed(self.earlier.get(adapter_kind, ()))
            if self.versions[name].state == "archived"
        )
        return next(sound, "")

    def is_void(self, base_digest: str) -> bool:
        """Whether every base of this content is obsolete; unknown ones are not."""
        names = {name for name, digest in self.bases.items() if digest == base_digest}
        return bool(names) and names <= self.obsolete


def folded(lines: Iterable[LedgerLine]) -> Standing:
    """What the lines come to, from the first to the last.

    Raises:
        RegistryError: A line may not follow the ones before it; the message names it.
    """
    standing = Standing()
    for line in lines:
        try:
            _require_turn(standing, line)
            _ACTS[line.act](standing, line)
        except ValueError as error:
            raise RegistryError(f"ledger line {line.number + 1}: {error}") from error
    return standing


def _require_turn(standing: Standing, line: LedgerLine) -> None:
    opening, intent = _ENDINGS.get(line.act), standing.intent
    if opening is None:
        if intent is not None:
            raise ValueError(f"{line.act} while {intent.act} of {intent.version!r} is open")
        return
    if intent is None or intent.act != opening:
        raise ValueError(f"{line.act} of {line.version!r}, but no {opening} is open")
    if (intent.adapter_kind, intent.version, intent.from_version) != (
        line.adapter_kind, line.version, line.from_version
    ):  # fmt: skip
        raise ValueError(f"{line.act} of {line.version!r}, but {intent.version!r} is open")


def _registered(standing: Standing, line: LedgerLine) -> None:
    expected = standing.next_version(line.adapter_kind)
    if line.version != expected:
        raise ValueError(f"registers {line.version!r}, expected {expected!r}: numbers only grow")
    if standing.is_void(line.base_digest):
        raise ValueError(f"{line.version}: its base {line.base_digest[:12]} is obsolete")
    standing.lines[line.version] = line
    standing.versions[line.version] = VersionState(
        version=line.version,
        adapter_kind=line.adapter_kind,
        state="registered",
        round=line.round,
        base_digest=line.base_digest,
        adapter_digest=line.adapter_digest,
        gate_report=line.gate_report,
    )


def _become(standing: Standing, version: str, state: State, *, override: bool = False) -> None:
    row = standing.versions[version]
    standing.versions[version] = row.model_copy(update={"state": state, "override": override})


def _require(standing: Standing, line: LedgerLine) -> None:
    row = standing.versions.get(line.version)
    if row is None or row.adapter_kind != line.adapter_kind:
        raise ValueError(f"{line.adapter_kind} has no version {line.version!r}")
    if row.state not in AFTER[line.act]:
        raise ValueError(
            f"{line.act}: {line.version} is {row.state}; expected "
            f"{' or '.join(sorted(AFTER[line.act]))}"
        )


def _refused(standing: Standing, line: LedgerLine) -> None:
    _require(standing, line)
    _become(standing, line.version, "refused")


def _retired(standing: Standing, line: LedgerLine) -> None:
    _require(standing, line)
    _become(standing, line.version, "retired")


def _intended(standing: Standing, line: LedgerLine) -> None:
    # A rollback to no version at all has none to be in a state.
    if line.version or line.act == "promotion_intended":
        _require(standing, line)
    active = standing.active.get(line.adapter_kind, "")
    if line.from_version != active:
        raise ValueError(f"{line.act} from {line.from_version!r}, but {active!r} is active")
    if line.act == "rollback_intended":
        expected = standing.before(line.adapter_kind)
        if not active or line.version != expected:
            raise ValueError(f"rolls {active!r} back to {line.version!r}, expected {expected!r}")
    standing.intent = line


def _promoted(standing: Standing, line: LedgerLine) -> None:
    kind, left = line.adapter_kind, line.from_version
    if left:
        _become(standing, left, "archived", override=standing.versions[left].override)
        standing.earlier[kind] = (*standing.earlier.get(kind, ()), left)
    _become(standing, line.version, "active", override=line.override)
    standing.backed.pop(line.version, None)
    _serve(standing, line)


def _rolled_back(standing: Standing, line: LedgerLine) -> None:
    kind, left = line.adapter_kind, line.from_version
    _become(standing, left, "archived")
    standing.backed[left] = line
    earlier = standing.earlier.get(kind, ())
    if line.version:
        again = len(earlier) - 1 - earlier[::-1].index(line.version)
        standing.earlier[kind] = earlier[:again]
        _become(standing, line.version, "active", override=standing.versions[line.version].override)
    else:
        standing.earlier[kind] = ()
    _serve(standing, line)


def _serve(standing: Standing, line: LedgerLine) -> None:
    standing.intent = None
    standing.since[line.adapter_kind] = line
    if line.version:
        standing.active[line.adapter_kind] = line.version
    else:
        standing.active.pop(line.adapter_kind, None)


def _undone(standing: Standing, line: LedgerLine) -> None:
    del line
    standing.intent = None


def _base_registered(standing: Standing, line: LedgerLine) -> None:
    if line.version in standing.bases:
        raise ValueError(f"base {line.version} is registered already")
    standing.bases[line.version] = line.base_digest


def _base_obsolete(standing: Standing, line: LedgerLine) -> None:
    if line.version not in standing.bases or line.version in standing.obsolete:
        raise ValueError(f"base {line.version} is not registered, or obsolete already")
    standing.obsolete |= {line.version}
    for row in tuple(standing.versions.values()):
        if row.state != "retired" and standing.is_void(row.base_digest):
            _become(standing, row.version, "void")
            if standing.active.get(row.adapter_kind) == row.version:
                del standing.active[row.adapter_kind]
                standing.since[row.adapter_kind] = line


_ACTS: Mapping[LedgerAct, Callable[[Standing, LedgerLine], None]] = {
    "registered": _registered,
    "refused": _refused,
    "promotion_intended": _intended,
    "promotion_done": _promoted,
    "promotion_undone": _undone,
    "rollback_intended": _intended,
    "rollback_done": _rolled_back,
    "rollback_undone": _undone,
    "retired": _retired,
    "base_registered": _base_registered,
    "base_obsolete": _base_obsolete,
}
