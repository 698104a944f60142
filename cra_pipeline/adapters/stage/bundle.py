"""``base_bundle``: everything that an outsourced fine-tune of the base needs, in one archive."""

from __future__ import annotations

import dataclasses
import hashlib
import json
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from cra_pipeline.adapters.bundle import packing, parts, tuning
from cra_pipeline.adapters.bundle.parts import BundlePolicy
from cra_pipeline.adapters.bundle.positional import Shelf, positional_rows
from cra_pipeline.adapters.bundle.readme import readme
from cra_pipeline.adapters.guards import chosen_base
from cra_pipeline.contracts.bases import BaseRecord
from cra_pipeline.contracts.bundles import BundleManifest, BundleRow
from cra_pipeline.contracts.datasets import CandidateRow, Origin, PlanDocumentRow, PoolRow
from cra_pipeline.contracts.manifests import AssetManifest, CheckReport, Count, Input
from cra_pipeline.contracts.reports import StageReport
from cra_pipeline.contracts.rounds import RoundRecord
from cra_pipeline.contracts.workspace import Layout
from cra_pipeline.errors import CheckError, GuardError
from cra_pipeline.integrations.bases import list_bases, model_folder, standing, verify_base
from cra_pipeline.integrations.evidence import require_checked, write_check
from cra_pipeline.integrations.files import (
    iterate_table,
    partition_lock,
    read_record,
    read_table,
    write_bytes,
    write_record,
)
from cra_pipeline.integrations.git.trees import GITLINK, LINK, entries, read_blobs
from cra_pipeline.kinds import ADAPTER_KINDS

ASSET = "base_bundle"
_INCREMENT, _PLANS, _POOL = "round_increment", "plan_documents", "round_pool"
_PLANNER = "planning_dpo"
_MOST_BYTES = 200_000
"""Of a source file: larger ones are generated."""


class Line(Protocol):
    """A round's line, as curation draws it."""

    @property
    def record(self) -> RoundRecord:
        """Of the round."""
        ...

    def fault(self, repo: str, commits: Sequence[str], changes: Sequence[str], of: str) -> str:
        """Why a change may not be trained, as a code; empty where it may."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Sides:
    """What decides on which side of the line a row lies, and whether its source was taken down.

    Attributes:
        line: Of the bundle's round, the changes of what is kept out included.
        gone: Code of a row whose source was taken down, else empty.
        tombstones: What ``gone`` was read from.
    """

    line: Line
    gone: Callable[[Origin], str]
    tombstones: tuple[Input, ...] = ()

    def fault(self, row: BundleRow) -> str:
        """Why a row may not be trained; empty where it may."""
        origin = row.origin
        changes = [origin.patch_id] if origin.patch_id else []
        fault = self.line.fault(origin.repo, [origin.sha], changes, row.round)
        return fault or self.gone(origin)


@dataclass(frozen=True, slots=True, kw_only=True)
class BundleChoices:
    """What a run may choose.

    Attributes:
        base: Id of a base; empty for the newest that planning is done on.
        policy: Sizes and shares.
    """

    base: str = ""
    policy: BundlePolicy = field(default_factory=BundlePolicy)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Made:
    """A bundle before it is written."""

    files: dict[str, bytes]
    manifest: BundleManifest
    counts: Counter[str]
    inputs: tuple[Input, ...]


def archive_path(layout: Layout, round_name: str) -> Path:
    """Where a round's bundle lies."""
    return layout.partition(ASSET, round_name) / f"{ASSET}.tar"


def export(
    layout: Layout, round_name: str, sides: Sides, choices: BundleChoices | None = None
) -> StageReport:
    """Write the bundle of a round: rows of this round and all before it, on the near side alone.

    Args:
        layout: The workspace.
        round_name: An opened round.
        sides: Its line and the tombstones.
        choices: Which base is tuned, and the sizes.

    Raises:
        CheckError: An upstream asset is missing, failed its check, or changed since.
        GuardError: No base stands, or its files are not those that were frozen.
        BusyError: Another run is at work on this round.
    """
    told = choices or BundleChoices()
    with partition_lock(layout, ASSET, round_name):
        base = _base(layout, told.base)
        made = _made(layout, round_name, sides, base, told.policy)
        content = packing.packed(f"base-bundle-{round_name}", made.files)
        # A kill between the writes must leave no manifest that passed beside another archive.
        layout.manifest(ASSET, round_name).unlink(missing_ok=True)
        write_bytes(archive_path(layout, round_name), content)
        manifest = AssetManifest(
            asset=ASSET,
            partition=round_name,
            rows=sum(item.count for item in made.manifest.counts),
            content_id=hashlib.sha256(content).hexdigest(),
            inputs=made.inputs,
            counts=_sorted(made),
            policy=json.dumps(
                {"base": base.base_id, **dataclasses.asdict(told.policy)}, sort_keys=True
            ),
        )
        write_record(layout.manifest(ASSET, round_name), manifest)
    return StageReport(manifest=manifest, preview=_preview(made.manifest))


def _sorted(made: _Made) -> tuple[Count, ...]:
    tally = Counter({item.label: item.count for item in made.manifest.counts}) + made.counts
    found = sorted(tally.items(), key=lambda item: (-item[1], item[0]))
    return tuple(Count(label=label, count=count) for label, count in found)


def _preview(manifest: BundleManifest) -> tuple[dict[str, str], ...]:
    rows = [{"part": item.label, "rows": str(item.count)} for item in manifest.counts]
    rows.append({"part": "planning, with reasoning", "rows": str(manifest.reasoned)})
    return (*rows, *({"part": f"lacks: {note}", "rows": ""} for note in manifest.notes))


def _base(layout: Layout, base_id: str) -> BaseRecord:
    known = standing(list_bases(layout))
    tiny = [record for record in known if record.role == "tiny"]
    # As curation does: a workspace with no other base than tiny ones trains everything on them.
    wanted = base_id or (tiny[-1].base_id if tiny and len(tiny) == len(known) else "")
    try:
        base = chosen_base(ADAPTER_KINDS[_PLANNER], known, wanted)
    except ValueError as error:
        raise GuardError(f"{ASSET}: {error}") from error
    return verify_base(layout, base.base_id)


def _made(
    layout: Layout, round_name: str, sides: Sides, base: BaseRecord, policy: BundlePolicy
) -> _Made:
    recipe = tuning.bundle_recipe(round_name, base, policy, tuning.tuning_of(base))
    inputs = [*_inputs(layout, round_name), *sides.tombstones]
    inputs.append(Input(name=f"bases/{base.base_id}", content_id=base.content_id))
    inputs.append(Input(name=f"rounds/{round_name}", content_id=sides.line.record.digest()))
    near, counts = _near(_offered(layout, inputs, dict(recipe.windows), recipe.window), sides)
    chat = _chat(layout, base)
    shelves = tuple(_shelves(layout, near, chat))
    rows = (*parts.drawn(near, policy), *positional_rows(shelves, recipe.window, policy))
    kept, long = parts.fitting(rows, chat.count, policy)
    trained, judging = parts.newest_apart(kept, policy)
    files, tallies = packing.data_files(trained, judging)
    files |= _shipped() | {
        packing.RECIPE: packing.told(recipe),
        "accelerate.yaml": tuning.accelerate_config(recipe).encode(),
        "requirements.txt": "".join(f"{pin}\n" for pin in tuning.REQUIREMENTS).encode(),
        "launch.sh": tuning.LAUNCH.encode(),
        "check.py": tuning.starter("check").encode(),
        "train.py": tuning.starter("train").encode(),
    }
    page = packing.bundle_manifest(base, recipe, files, tallies, kept)
    files["README.md"] = readme(recipe, page).encode()
    manifest = packing.bundle_manifest(base, recipe, files, tallies, kept)
    files[packing.MANIFEST] = packing.told(manifest)
    return _Made(
        files=files,
        manifest=manifest,
        counts=counts + long,
        inputs=tuple(sorted(inputs, key=lambda item: item.name)),
    )


def _inputs(layout: Layout, round_name: str) -> tuple[Input, ...]:
    """The pool, every increment that it names, and the plans of the same rounds."""
    found = [require_checked(layout, _POOL, round_name)]
    for row in read_table(layout.table(_POOL, round_name), PoolRow):
        asset, _, partition = row.name.partition("/")
        if asset != _INCREMENT:
            continue
        now = require_checked(layout, asset, partition)
        if now.content_id != row.content_id:
            raise CheckError(
                f"{_POOL} of {round_name}: {row.name} is now {now.content_id[:12]}, the pool names "
                f"{row.content_id[:12]}: run: cra-pipeline run {_POOL} --round {round_name}"
            )
        found += [now, require_checked(layout, _PLANS, partition)]
    return tuple(found)


def _offered(
    layout: Layout, inputs: Sequence[Input], windows: dict[str, int], window: int
) -> Iterator[BundleRow]:
    for item in inputs:
        asset, _, partition = item.name.partition("/")
        if asset == _INCREMENT:
            for row in iterate_table(layout.table(asset, partition), CandidateRow):
                if made := parts.of_candidate(row, windows.get(row.call_kind, window)):
                    yield made
        if asset == _PLANS:
            for plan in iterate_table(layout.table(asset, partition), PlanDocumentRow):
                if made := parts.of_plan(plan, window):
                    yield made


def _near(rows: Iterator[BundleRow], sides: Sides) -> tuple[list[BundleRow], Counter[str]]:
    near, left_out = [], Counter[str]()
    for row in rows:
        if fault := sides.fault(row):
            left_out[f"{row.part}: {fault}"] += 1
        else:
            near.append(row)
    return near, left_out


class _Chat(Protocol):
    def count(self, system: str, prompt: str, answer: str) -> int: ...


def _chat(layout: Layout, base: BaseRecord) -> _Chat:
    # Loads a compiled library, which a look at the asset does not need.
    from cra_pipeline.integrations.chat.hugging_face import HuggingFaceChat

    return HuggingFaceChat(model_folder(layout, base.base_id))


def _shelves(layout: Layout, near: Sequence[BundleRow], chat: _Chat) -> Iterator[Shelf]:
    """Each repository as it stood at the newest commit that gives a row, sorted by repository."""
    newest: dict[str, BundleRow] = {}
    for row in near:
        # Published rows name no commit of a repository of ours.
        if row.origin.sha:
            newest[row.origin.repo] = max(newest.get(row.origin.repo, row), row, key=_age)
    for repo in sorted(newest):
        row = newest[repo]
        files = _python(layout, repo, row.origin.sha)
        if files:
            whole = "\n".join(text for _, text in files)[:_MOST_BYTES]
            tokens = max(1, chat.count("", whole, "") - chat.count("", "", ""))
            origin = row.origin.model_copy(
                update={"source": "synthetic", "task_id": "", "attempt_ids": (),
                        "call_number": -1, "row": "", "author": ""}
            )  # fmt: skip
            yield Shelf(origin=origin, round=row.round, files=files, letters=len(whole) / tokens)


def _age(row: BundleRow) -> tuple[int, str]:
    return row.origin.committed_at, row.origin.sha


def _python(layout: Layout, repo: str, sha: str) -> tuple[tuple[str, str], ...]:
    snapshot = layout.snapshot(repo)
    listed = [
        item for item in entries(snapshot, sha)
        if item.path.endswith(".py") and item.mode not in {LINK, GITLINK}
    ]  # fmt: skip
    contents = read_blobs(snapshot, [item.blob for item in listed])
    found = []
    for item in listed:
        content = contents[item.blob]
        if 0 < len(content) <= _MOST_BYTES:
            try:
                found.append((item.path, content.decode()))
            except UnicodeDecodeError:
                # A file in another encoding is none of the agent's prompts.
                continue
    return tuple(found)


def _shipped() -> dict[str, bytes]:
    """The bundle's own program, as it stands beside the rules."""
    folder = Path(packing.__file__).parent / "program"
    return {f"program/{path.name}": path.read_bytes() for path in sorted(folder.glob("*.py"))}


def check_bundle(layout: Layout, round_name: str, sides: Sides) -> CheckReport:
    """Judge an archive on disk: its hashes and counts, and each row's side of the line.

    Raises:
        StoreError: The manifest is missing or damaged.
    """
    manifest = read_record(layout.manifest(ASSET, round_name), AssetManifest)
    path = archive_path(layout, round_name)
    try:
        content = path.read_bytes()
        if hashlib.sha256(content).hexdigest() != manifest.content_id:
            found = [f"{path}: not the archive that its manifest describes"]
        else:
            found = list(_faults(packing.unpacked(content), sides))
    except (OSError, ValueError) as error:
        found = [f"{path}: {error}"]
    return write_check(layout, manifest, found[:20])


def _faults(files: dict[str, bytes], sides: Sides) -> Iterator[str]:
    inside = BundleManifest.parse_json(files[packing.MANIFEST], where=packing.MANIFEST)
    hashes = {name: hashlib.sha256(content).hexdigest() for name, content in files.items()}
    named = {item.name: item.content_id for item in inside.files}
    if hashes.keys() - named.keys() != {packing.MANIFEST} or named.keys() - hashes.keys():
        yield "the archive's files are not those that its manifest names"
    yield from (f"{name}: other bytes" for name in sorted(named) if hashes.get(name) != named[name])
    for item in inside.counts:
        rows = packing.rows_in(files, [item.label])
        if len(rows) != item.count:
            yield f"{item.label}: {len(rows)} rows, the manifest says {item.count}"
        yield from (
            f"{fault}: row {row.row_id[:12]}" for row in rows if (fault := sides.fault(row))
        )
