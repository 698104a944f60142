"""How well a plan fits the change that was really made.

Pure. A plan may differ and still be right; whether that is held against it is the business of
attribution, not of these numbers. Hand in only what the plan answers for: without the hidden
tests where only code was planned, and against the prepared base where there is one.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath

from cra_pipeline.harness.actual import ActualChange
from cra_pipeline.harness.dependencies import reached
from cra_pipeline.harness.plans import PlannedStep

MODULE_LEVEL = frozenset({"", "module", "<module>"})
"""What plans call lines outside of all symbols; the change has no symbol for them either."""

UNDECIDED = 0.5
"""Worth of a dependency that the plan leaves open: neither met nor turned round."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Alignment:
    """A plan measured against a change; every number is in [0, 1], an empty plan has 0 throughout.

    Attributes:
        file_precision: Share of the planned files that were changed; 0 where none is planned.
        file_recall: Share of the changed files that are planned; 1 where none was changed.
        file_overlap: Files in both, as a share of the files in either; 1 where there are none.
        symbol_overlap: Changed symbols that are planned, as a share of these, the changed symbols
            that are not planned, and the planned names that were not changed; 1 where there are
            none. A name covers the symbol it names in any file of its step, however much of the
            qualified name it says, and the symbols inside that one: ``total`` and ``Cart`` both
            cover ``Cart.total``. Names for lines outside of all symbols are passed over; a changed
            symbol that the agent does not index counts where it is planned, else not at all.
        dependency_order: Mean over the dependencies between two planned files: 1 where some step
            on the importing file comes after, or is, a step on the imported one; 0 where it can
            only come before; ``UNDECIDED`` where the plan leaves it open. Files that import each
            other are passed over; 1 where nothing is left to judge.
    """

    file_precision: float
    file_recall: float
    file_overlap: float
    symbol_overlap: float
    dependency_order: float


NOTHING_PLANNED = Alignment(
    file_precision=0.0,
    file_recall=0.0,
    file_overlap=0.0,
    symbol_overlap=0.0,
    dependency_order=0.0,
)


def align(plan: Sequence[PlannedStep], actual: ActualChange) -> Alignment:
    """Measure a plan; in which order its steps are listed makes no difference.

    Args:
        plan: Steps with unique ids.
        actual: What was really changed.
    """
    if not plan:
        return NOTHING_PLANNED
    files = {_plain(path) for step in plan for path in step.files}
    both, either = len(files & actual.files), len(files | actual.files)
    return Alignment(
        file_precision=_share(both, len(files), empty=0.0),
        file_recall=_share(both, len(actual.files)),
        file_overlap=_share(both, either),
        symbol_overlap=_symbol_overlap(plan, actual),
        dependency_order=_dependency_order(plan, actual.dependencies),
    )


def _share(part: int, whole: int, *, empty: float = 1.0) -> float:
    return part / whole if whole else empty


def _plain(path: str) -> str:
    return str(PurePosixPath(path))


def _symbol_overlap(plan: Iterable[PlannedStep], actual: ActualChange) -> float:
    changed = actual.symbols | actual.unindexed
    names = {
        (files, name)
        for step in plan
        for files in [frozenset(_plain(path) for path in step.files)]
        for name in step.symbols
        if name not in MODULE_LEVEL or any(name == symbol for _, symbol in changed)
    }
    covered: set[tuple[str, str]] = set()
    surplus = 0
    meant = _by_name(changed)
    for files, name in names:
        found = {pair for pair in meant.get(name, ()) if pair[0] in files}
        covered |= found
        surplus += not found
    return _share(len(covered), len(actual.symbols | covered) + surplus)


def _by_name(changed: Iterable[tuple[str, str]]) -> dict[str, list[tuple[str, str]]]:
    """Changed symbols by every name that covers them: each run of whole components of theirs."""
    found: dict[str, list[tuple[str, str]]] = defaultdict(list)
    for path, symbol in changed:
        parts = symbol.split(".")
        ends = range(1, len(parts) + 1)
        for name in {".".join(parts[start:stop]) for stop in ends for start in range(stop)}:
            found[name].append((path, symbol))
    return found


def _dependency_order(
    plan: Iterable[PlannedStep], dependencies: Collection[tuple[str, str]]
) -> float:
    before = reached({step.id: step.depends_on for step in plan})
    steps: dict[str, list[str]] = defaultdict(list)
    for step in plan:
        for path in step.files:
            steps[_plain(path)].append(step.id)
    worth = [
        _worth(frozenset(steps[first]), frozenset(steps[second]), before)
        for first, second in _one_way(dependencies)
        if first in steps and second in steps
    ]
    return sum(worth) / len(worth) if worth else 1.0


def _one_way(dependencies: Collection[tuple[str, str]]) -> list[tuple[str, str]]:
    imports: dict[str, set[str]] = defaultdict(set)
    for provider, consumer in dependencies:
        imports[consumer].add(provider)
    needed = reached(imports)
    return sorted(
        (provider, consumer)
        for provider, consumer in dependencies
        if consumer not in needed.get(provider, frozenset())
    )


def _worth(
    providers: frozenset[str], consumers: frozenset[str], before: Mapping[str, frozenset[str]]
) -> float:
    """The best that any step on the importing file makes of any on the imported one."""
    open_ = False
    for consumer in consumers:
        after = providers & (before[consumer] | {consumer})
        ahead = {provider for provider in providers if consumer in before[provider]}
        if after - ahead:
            return 1.0
        # In a circle a step comes both before and after; elsewhere it may come in neither order.
        open_ = open_ or bool(after) or ahead != providers
    return UNDECIDED if open_ else 0.0
