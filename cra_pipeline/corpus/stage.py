"""Sources, snapshots and rounds on disk: the corpus rules with their input and output."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from cra_pipeline.contracts.manifests import AssetManifest, CheckReport, Input
from cra_pipeline.contracts.reports import Progress, StageReport, silent
from cra_pipeline.contracts.rounds import RoundRecord
from cra_pipeline.contracts.sources import RepoSnapshot, RepoSource, ScanReport, Tier
from cra_pipeline.contracts.workspace import Layout
from cra_pipeline.corpus.check import SnapshotFacts, judge_snapshot
from cra_pipeline.corpus.holdout import HoldoutPolicy, draw_held_out
from cra_pipeline.corpus.preview import snapshot_preview
from cra_pipeline.corpus.recipe_format import Recipe
from cra_pipeline.corpus.recipes import (
    TINY_WAIVERS,
    fast_import_stream,
    load_recipes,
    read_first_round,
)
from cra_pipeline.corpus.rounds import Frozen, default_cut_off, in_order, round_record
from cra_pipeline.corpus.scan import ScanPolicy, TreeEntry, scan_tree
from cra_pipeline.corpus.sources import (
    DEFAULT_FIELDS,
    derived_name,
    inherited_fields,
    merged_sources,
    parse_entries,
    public_url,
    require_name,
    with_entry,
)
from cra_pipeline.errors import RoundError, SourceError, StoreError
from cra_pipeline.integrations.evidence import seal_table, write_check
from cra_pipeline.integrations.files import (
    partition_lock,
    read_record,
    read_table,
    write_bytes,
    write_record,
)
from cra_pipeline.integrations.git.address import parse_address
from cra_pipeline.integrations.git.clone import PINNED, clone_pinned, resolve_commit
from cra_pipeline.integrations.git.fast_import import build_repository
from cra_pipeline.integrations.git.inspection import (
    borrows_objects,
    broken_objects,
    commit_count,
    list_refs,
    list_tree,
)
from cra_pipeline.integrations.git.objects import object_reader

ASSET = "repo_snapshots"
CORPUS = Path(__file__).resolve().parents[2] / "corpus"
"""Seeds of a workspace; they lie beside the package in a checkout."""


def known_sources(layout: Layout) -> tuple[RepoSource, ...]:
    """Seeds of the corpus with the user's entries over them, sorted by name.

    Raises:
        SourceError: One of the two files is no list of repositories.
        StoreError: The corpus folder is not there.
    """
    try:
        return merged_sources(*_entries(layout), where=str(layout.sources))
    except ValueError as error:
        raise SourceError(f"{error}; mend that entry") from error


def _entries(layout: Layout) -> tuple[tuple[dict[str, Any], ...], tuple[dict[str, Any], ...]]:
    seeds, own = CORPUS / "repos.toml", layout.sources
    if not seeds.is_file():
        raise StoreError(f"{seeds}: missing; run from a checkout, installed with `make setup`")
    return (
        parse_entries(seeds.read_text(encoding="utf-8"), where=str(seeds)),
        parse_entries(own.read_text(encoding="utf-8"), where=str(own)) if own.exists() else (),
    )


def find_source(layout: Layout, repo: str) -> RepoSource:
    """One repository of ``known_sources``.

    Raises:
        SourceError: It is not listed.
    """
    sources = {source.name: source for source in known_sources(layout)}
    if repo not in sources:
        raise SourceError(
            f"{repo}: no such repository; known are {', '.join(sources)}; add it with "
            "`cra-pipeline add SOURCE`"
        )
    return sources[repo]


def add_source(  # noqa: PLR0913  # one keyword per field of the entry
    layout: Layout,
    source: str,
    *,
    name: str | None = None,
    domain: str | None = None,
    roles: Sequence[str] | None = None,
    tier: Tier | None = None,
    licence: str | None = None,
    revision: str | None = None,
) -> RepoSource:
    """Pin a repository and write it to the user's ``sources.toml``.

    What is None comes from the seed of the same name, if there is one (so that a seed can be
    pointed at a local mirror), and else is: name from the address, revision ``HEAD``, domain
    ``unsorted``, roles P and C, tier ``full``, licence ``unknown``.

    Args:
        layout: The workspace.
        source: URL or local path.
        name: Key of the repository; a seed of this name is overridden only if it is said here.
        domain: Domain of the corpus.
        roles: Any of P, C, K, S.
        tier: How much of the pipeline it feeds.
        licence: SPDX expression.
        revision: Branch, tag or commit id.

    Raises:
        SourceError: It cannot be named, reached or pinned, or collides with another entry.
    """
    address = parse_address(source)
    with partition_lock(layout, "sources", "all"):
        try:
            chosen = require_name(name) if name is not None else derived_name(address.text())
            seeds, own = _entries(layout)
            seed = inherited_fields(
                seeds, own, name=chosen, url=address.text(), said=name is not None
            )
        except ValueError as error:
            raise SourceError(str(error)) from error
        wanted = revision or str(seed.get("revision", "HEAD"))
        pin = resolve_commit(address, wanted, layout.scratch / f"add-{chosen}")
        said = {"domain": domain, "roles": roles, "tier": tier, "licence": licence}
        fields = (
            dict(DEFAULT_FIELDS)
            | seed
            | {key: value for key, value in said.items() if value is not None}
        )
        fields |= {"name": chosen, "url": address.text()}
        fields |= {"revision": pin.sha, "committed_at": pin.committed_at}
        return _store_sources(layout, [fields])[0]


def _store_sources(layout: Layout, tables: Sequence[dict[str, Any]]) -> tuple[RepoSource, ...]:
    """Write entries over what stands in ``sources.toml``, after all were judged together."""
    seeds, own = _entries(layout)
    names = {table["name"] for table in tables}
    try:
        kept = [table for table in own if table["name"] not in names]
        merged = merged_sources(seeds, [*kept, *tables], where=str(layout.sources))
        stored = tuple(source for source in merged if source.name in names)
        text = layout.sources.read_text(encoding="utf-8") if layout.sources.exists() else ""
        for source in stored:
            text = with_entry(text, source)
    except ValueError as error:
        raise SourceError(str(error)) from error
    write_bytes(layout.sources, text.encode())
    return stored


def snapshot_repo(layout: Layout, repo: str, *, progress: Progress = silent) -> StageReport:
    """Make the bare clone of one repository, whose history ends at its pin.

    Where the clone already ends there nothing is fetched.

    Raises:
        SourceError: The source is unknown, unreachable, empty, incomplete or lacks the pin.
        BusyError: Another run makes the same snapshot.
    """
    source = find_source(layout, repo)
    with partition_lock(layout, ASSET, repo):
        done = _finished(layout, source)
        if done is None:
            progress(0, 2, f"cloning {source.url}")
            row = _clone(layout, source)
            progress(1, 2, "scanning the pinned tree")
            _scan(layout, row)
            done = _seal(layout, row)
        progress(2, 2, repo)
        row = read_table(layout.table(ASSET, repo), RepoSnapshot)[0]
        return StageReport(
            manifest=done,
            preview=snapshot_preview(row, read_record(_scan_path(layout, repo), ScanReport)),
        )


def _finished(layout: Layout, source: RepoSource) -> AssetManifest | None:
    """Manifest of a snapshot that is just what ``source`` asks for."""
    repo = source.name
    if not layout.manifest(ASSET, repo).exists() or not _scan_path(layout, repo).exists():
        return None
    row = read_table(layout.table(ASSET, repo), RepoSnapshot)[0]
    wanted = (source.revision, public_url(source), source.domain, source.licence)
    if wanted != (row.revision, row.url, row.domain, row.licence):
        return None
    refs = dict(list_refs(layout.snapshot(repo))) if layout.snapshot(repo).exists() else {}
    if refs.get(PINNED) != source.revision:
        return None
    return read_record(layout.manifest(ASSET, repo), AssetManifest)


def _scan_path(layout: Layout, repo: str) -> Path:
    return layout.partition(ASSET, repo) / "scan.json"


def _clone(layout: Layout, source: RepoSource) -> RepoSnapshot:
    manifest = layout.manifest(ASSET, source.name)
    facts = clone_pinned(
        parse_address(source.url),
        source.revision,
        layout.snapshot(source.name),
        layout.scratch / f"clone-{source.name}",
        # Without its manifest the partition is not done, if a kill comes before the new one; a
        # clone that fails leaves the old partition as it was.
        before_swap=lambda: manifest.unlink(missing_ok=True),
    )
    return RepoSnapshot(
        repo=source.name,
        url=public_url(source),
        revision=source.revision,
        commits=facts.commits,
        tags=facts.tags,
        domain=source.domain,
        licence=source.licence,
    )


def _scan(layout: Layout, row: RepoSnapshot) -> None:
    snapshot = layout.snapshot(row.repo)
    entries = (TreeEntry(*fields) for fields in list_tree(snapshot, row.revision))
    with object_reader(snapshot) as reader:
        report = scan_tree(row.repo, row.revision, entries, reader.read, ScanPolicy())
    write_record(_scan_path(layout, row.repo), report)


def _seal(layout: Layout, row: RepoSnapshot) -> AssetManifest:
    return seal_table(
        layout,
        ASSET,
        row.repo,
        [row],
        RepoSnapshot,
        reasons=["cloned"],
        inputs=[Input(name=f"source/{row.repo}", content_id=row.revision)],
        policy="{}",
    )


def check_snapshot(layout: Layout, repo: str) -> CheckReport:
    """Judge the snapshot on disk: one row, one branch at the pin, no object missing.

    Raises:
        StoreError: The snapshot was not made yet.
    """
    manifest = read_record(layout.manifest(ASSET, repo), AssetManifest)
    rows = read_table(layout.table(ASSET, repo), RepoSnapshot)
    snapshot = layout.snapshot(repo)
    if not snapshot.exists():
        return write_check(
            layout, manifest, [f"{snapshot} is gone: delete its manifest, run again"]
        )
    broken = broken_objects(snapshot)
    facts = SnapshotFacts(
        refs=list_refs(snapshot),
        commits=-1 if broken else commit_count(snapshot, PINNED),
        broken=broken,
        borrows=borrows_objects(snapshot),
    )
    return write_check(layout, manifest, judge_snapshot(repo, rows, facts, pinned=PINNED))


def read_rounds(layout: Layout) -> tuple[RoundRecord, ...]:
    """Records of all opened rounds, in order; empty before the first.

    Raises:
        RoundError: A record is damaged or lies under another round's name.
    """
    records = []
    for path in sorted(layout.rounds.glob("*.json")) if layout.rounds.is_dir() else ():
        try:
            record = read_record(path, RoundRecord)
        except StoreError as error:
            raise RoundError(f"{error}; a round is never edited: restore the file") from error
        if record.round != path.stem:
            raise RoundError(f"{path}: holds {record.round}: restore the file, rounds never change")
        records.append(record)
    return in_order(records)


def open_round(  # noqa: PLR0913  # one keyword per thing that a record holds for good
    layout: Layout,
    *,
    cut_off: int | None = None,
    repos: Sequence[str] | None = None,
    held_out: Sequence[str] | None = None,
    policy: HoldoutPolicy | None = None,
    frozen: Frozen | None = None,
) -> RoundRecord:
    """Open the next round: pin every repository at its source's revision, for good.

    Args:
        layout: The workspace.
        cut_off: Seconds since the epoch; where None, the newest committer date over the pins.
        repos: Names of its repositories; where None, all known ones.
        held_out: Repositories to hold out; where None, they are drawn by hash. Those of earlier
            rounds stay held out either way.
        policy: Share and seed of the draw.
        frozen: Versions in service, which the registry knows, and what the round goes without.

    Raises:
        RoundError: The round contradicts an earlier one, or its cut-off cannot be known.
        SourceError: A repository is not known.
        BusyError: Another run opens a round.
    """
    with partition_lock(layout, "rounds", "all"):
        chosen = [item.name for item in known_sources(layout)] if repos is None else repos
        sources = [find_source(layout, name) for name in sorted(set(chosen))]
        earlier = read_rounds(layout)
        drawn = draw_held_out((s.name for s in sources), earlier, policy or HoldoutPolicy())
        try:
            record = round_record(
                sources,
                earlier,
                cut_off=default_cut_off(sources, earlier) if cut_off is None else cut_off,
                held_out=drawn if held_out is None else held_out,
                frozen=frozen,
            )
        except ValueError as error:
            raise RoundError(str(error)) from error
        path = layout.rounds / f"{record.round}.json"
        if path.exists():
            raise RoundError(f"{path}: stands already, and a round is never opened twice")
        write_record(path, record)
        return record


def ensure_first_round(layout: Layout) -> RoundRecord:
    """The first round, opened now if none is.

    In a workspace with the tiny corpus it lists just that, with the cut-off and the held-out
    repository that the recipes name; else every known repository, with the default cut-off.

    Raises:
        RoundError: It cannot be opened.
    """
    if rounds := read_rounds(layout):
        return rounds[0]
    home = tiny_folder(layout).resolve()
    tiny = [item.name for item in known_sources(layout) if Path(item.url).parent == home]
    if not tiny:
        return open_round(layout)
    kept_out = {recipe.name for recipe in load_recipes(CORPUS / "tiny") if recipe.held_out}
    cut_off, held_out = read_first_round(CORPUS / "tiny").seconds(), sorted(kept_out & set(tiny))
    waived = Frozen(waivers=TINY_WAIVERS)
    return open_round(layout, cut_off=cut_off, repos=tiny, held_out=held_out, frozen=waived)


def tiny_folder(layout: Layout) -> Path:
    """Where the upstreams of the demo are built."""
    return layout.root / "tiny"


def seed_tiny(layout: Layout) -> tuple[RepoSource, ...]:
    """Build the demo's upstreams from their recipes and list them as the user's own sources.

    Raises:
        SourceError: A name is taken by another repository.
        GitError: A recipe could not be built.
    """
    with partition_lock(layout, "sources", "all"):
        tables = [_tiny_table(layout, recipe) for recipe in load_recipes(CORPUS / "tiny")]
        return _store_sources(layout, tables)


def _tiny_table(layout: Layout, recipe: Recipe) -> dict[str, Any]:
    target = tiny_folder(layout).resolve() / f"{recipe.name}.git"
    try:
        inherited_fields(*_entries(layout), name=recipe.name, url=str(target), said=False)
    except ValueError as error:
        raise SourceError(f"the demo's {recipe.name} cannot be listed: {error}") from error
    head = build_repository(target, fast_import_stream(recipe))
    pin = resolve_commit(parse_address(str(target)), head, layout.scratch / "add-tiny")
    return dict(DEFAULT_FIELDS) | {
        "name": recipe.name,
        "url": str(target),
        "revision": pin.sha,
        "committed_at": pin.committed_at,
        "domain": recipe.domain,
        "licence": recipe.licence,
    }
