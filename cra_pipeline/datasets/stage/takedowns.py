"""Takedowns on disk: what descends from a source, and tombstones of what may be used no more."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from cra_pipeline.contracts.datasets import Origin
from cra_pipeline.contracts.manifests import Input
from cra_pipeline.contracts.takedowns import Aim, Descendant, Takedown
from cra_pipeline.contracts.workspace import Layout
from cra_pipeline.datasets.stage.descent import all_trained
from cra_pipeline.datasets.stage.holders import Holder, all_holders
from cra_pipeline.datasets.stage.lines import changes_of, opened_rounds
from cra_pipeline.datasets.takedown import (
    TakenDown,
    full_id,
    licence_terms,
    looks_like_commit,
    taken_down,
)
from cra_pipeline.errors import DatasetError
from cra_pipeline.integrations.files import read_record, write_record
from cra_pipeline.integrations.find import columns

_FOLDER = "takedowns"


@dataclass(frozen=True, slots=True)
class _Seen:
    """Ids and origins of a holder's rows."""

    holder: Holder
    rows: tuple[tuple[str, Origin], ...]


@dataclass(frozen=True, slots=True)
class _Known:
    """What a workspace knows that a target could mean.

    Attributes:
        repos: Repositories and published data sets.
        licences: Terms, in lower case.
        windows: Repository and the commits that are joined into a change, by the commit that
            names it.
        changes: Change id by commit id, of all rows.
    """

    repos: frozenset[str]
    licences: frozenset[str]
    windows: dict[str, tuple[str, tuple[str, ...]]]
    changes: dict[str, str]


def read_takedowns(layout: Layout) -> tuple[Takedown, ...]:
    """Every tombstone, by name.

    Raises:
        StoreError: One is damaged.
    """
    paths = sorted((layout.root / _FOLDER).glob("*.json"))
    return tuple(read_record(path, Takedown) for path in paths)


def takedown_rule(layout: Layout) -> tuple[TakenDown, tuple[Input, ...]]:
    """The rule for curation, and what its manifest names as its input.

    Raises:
        StoreError: A tombstone is damaged.
    """
    records = read_takedowns(layout)
    inputs = tuple(
        Input(name=f"{_FOLDER}/{item.name}", content_id=item.digest()) for item in records
    )
    return taken_down(records), inputs


def plan_takedown(
    layout: Layout, target: str, *, aim: Aim | None = None, reason: str = ""
) -> Takedown:
    """What a takedown would name; nothing is written.

    Args:
        layout: The workspace.
        target: A repository or published data set, a licence, or a commit's or change's id of
            which at least seven digits are given.
        aim: Which of these; None where it can be told.
        reason: For the record.

    Raises:
        DatasetError: The target is unknown, or can mean several things.
        StoreError: A dataset or table is damaged.
    """
    # Without their texts, so that many rows fit into memory.
    seen = [
        _Seen(holder, tuple((row.example_id, row.origin) for row in holder.rows()))
        for holder in all_holders(layout)
    ]
    known = _known(layout, [origin for item in seen for _, origin in item.rows])
    sought = _sought(layout, aim or _aim(target, known), target, known)
    return _described(layout, sought, seen).model_copy(update={"reason": reason})


def take_down(layout: Layout, record: Takedown) -> Path:
    """Write a tombstone; the same one twice is one.

    Raises:
        StoreError: The disk is full or the folder cannot be written.
    """
    path = layout.root / _FOLDER / f"{record.name}.json"
    if not path.exists():
        write_record(path, record)
    return path


def _known(layout: Layout, origins: Iterable[Origin]) -> _Known:
    repos = {name for record in opened_rounds(layout) for name, _ in record.pins}
    repos |= {path.parent.name for path in layout.root.glob("repo_snapshots/*/asset.json")}
    licences: set[str] = set()
    windows: dict[str, tuple[str, tuple[str, ...]]] = {}
    changes: dict[str, str] = {}
    for repo in sorted(repos):
        for row in columns(layout.table("repo_snapshots", repo), "licence"):
            licences |= licence_terms(row["licence"])
        for row in columns(layout.table("commits", repo), "sha", "window"):
            windows[row["sha"]] = (repo, tuple(row["window"]))
    for origin in origins:
        repos.add(origin.repo)
        licences |= licence_terms(origin.licence)
        if origin.sha:
            # Plans, and commits of no text, come without a change's id.
            changes[origin.sha] = origin.patch_id or changes.get(origin.sha, "")
            windows.setdefault(origin.sha, (origin.repo, (origin.sha,)))
    return _Known(frozenset(repos), frozenset(licences), windows, changes)


def _aim(target: str, known: _Known) -> Aim:
    meant: list[Aim] = []
    if target in known.repos:
        meant.append("repo")
    if licence_terms(target) & known.licences:
        meant.append("licence")
    if looks_like_commit(target):
        meant.append("commit")
    if len(meant) == 1:
        return meant[0]
    if meant:
        raise DatasetError(f"{target}: can mean a {' or a '.join(meant)}: say which with --as")
    raise DatasetError(
        f"{target}: no repository ({', '.join(sorted(known.repos)) or 'none known'}), no licence "
        f"({', '.join(sorted(known.licences)) or 'none known'}) and no commit (seven to forty "
        "hexadecimal digits)"
    )


def _described(layout: Layout, sought: Takedown, seen: Iterable[_Seen]) -> Takedown:
    """A tombstone with all that descends from what it names."""
    rule = taken_down([sought])
    looked = list(seen)
    hits = [
        (item.holder, [(name, origin) for name, origin in item.rows if rule.fault(origin)])
        for item in looked
    ]
    hits = [(holder, rows) for holder, rows in hits if rows]
    origins = [origin for _, rows in hits for _, origin in rows]
    descendants = [
        Descendant(
            holder=holder.name,
            content_id=holder.content_id,
            rows=tuple(sorted({name for name, _ in rows})),
        )
        for holder, rows in hits
    ]
    return sought.model_copy(
        update={
            # So that a repository under another name, or a change on another branch, goes too.
            "commits": _all(sought.commits, (origin.sha for origin in origins)),
            "patch_ids": _all(sought.patch_ids, (origin.patch_id for origin in origins)),
            "descendants": tuple(sorted(descendants, key=lambda item: item.holder)),
            **_trained(
                layout,
                {holder.content_id for holder, _ in hits},
                {item.holder.content_id for item in looked},
            ),
        }
    )


def _trained(layout: Layout, hit: set[str], known: set[str]) -> dict[str, tuple[str, ...]]:
    """What was trained from artifacts that hold such rows, and what nobody can tell of."""
    everything = tuple(all_trained(layout))
    found = [item for item in everything if item.descends(hit)]
    return {
        "adapters": tuple(item.name for item in found if not item.version),
        "versions": tuple(item.name for item in found if item.version),
        "unsure": tuple(
            item.name for item in everything if item not in found and item.sources - known
        ),
    }


def _all(some: Iterable[str], more: Iterable[str]) -> tuple[str, ...]:
    return tuple(sorted({*some, *more} - {""}))


def _sought(layout: Layout, aim: Aim, target: str, known: _Known) -> Takedown:
    """A tombstone that names the source alone."""
    blank = Takedown(
        by=aim, target=target, reason="", repos=(), licences=(), commits=(), patch_ids=(),
        descendants=(), adapters=(),
    )  # fmt: skip
    if aim == "repo":
        if target not in known.repos:
            raise DatasetError(
                f"{target}: no such repository; known are {', '.join(sorted(known.repos))}"
            )
        of_repo = (sha for sha, (repo, _) in known.windows.items() if repo == target)
        return blank.model_copy(update={"repos": (target,), "commits": tuple(sorted(of_repo))})
    if aim == "licence":
        if len(terms := licence_terms(target)) != 1:
            raise DatasetError(
                f"{target}: names {len(terms)} licences ({', '.join(sorted(terms))}), and each "
                "would go with all that is under it: name one"
            )
        return blank.model_copy(update={"licences": (target,)})
    return _sought_commit(layout, blank, known)


def _sought_commit(layout: Layout, blank: Takedown, known: _Known) -> Takedown:
    ids = {*known.windows, *known.changes, *known.changes.values()} - {""}
    ids |= {sha for _, window in known.windows.values() for sha in window}
    try:
        meant = full_id(blank.target, ids)
    except ValueError as error:
        raise DatasetError(str(error)) from error
    changes = {meant} if meant in known.changes.values() else set()
    commits = {sha for sha, change in known.changes.items() if change in changes} or {meant}
    # A change that joins several commits goes with any of them.
    joined = {name for name, (_, window) in known.windows.items() if commits & {name, *window}}
    changes |= {known.changes.get(sha, "") for sha in commits}
    changes |= set(_from_git(layout, commits, known))
    return blank.model_copy(
        update={
            "target": meant,
            "commits": _all(commits, joined),
            "patch_ids": _all(changes, ()),
        }
    )


def _from_git(layout: Layout, commits: set[str], known: _Known) -> Iterator[str]:
    """Ids of the changes of commits that no row names."""
    for sha in sorted(commits & set(known.windows)):
        repo, _ = known.windows[sha]
        if layout.snapshot(repo).exists():
            yield from changes_of(layout, repo, [sha]).values()
