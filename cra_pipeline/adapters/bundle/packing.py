"""A bundle's files in one archive: equal files give equal bytes, on any machine and day. Pure."""

from __future__ import annotations

import hashlib
import io
import json
import tarfile
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

from cra_pipeline.contracts.bases import BaseRecord
from cra_pipeline.contracts.bundles import BundleManifest, BundleRecipe, BundleRow
from cra_pipeline.contracts.manifests import Count, Input
from cra_pipeline.contracts.record import Record
from cra_pipeline.kinds import CALL_KINDS, PLANNING_STAGES

EVALUATION = "evaluation"
MANIFEST, RECIPE = "manifest.json", "recipe.json"
PARTS = ("planning", "style", "role", "positional", "plan_document")
_PROGRAMS = (".sh",)


def data_files(
    rows: Sequence[BundleRow], judging: Sequence[BundleRow]
) -> tuple[dict[str, bytes], tuple[Count, ...]]:
    """``data/<part>.jsonl`` of every part, empty ones included, and their rows."""
    lists = {part: [row for row in rows if row.part == part] for part in PARTS}
    lists[EVALUATION] = list(judging)
    files = {
        f"data/{name}.jsonl": "".join(f"{row.canonical_json()}\n" for row in found).encode()
        for name, found in lists.items()
    }
    return files, tuple(Count(label=name, count=len(lists[name])) for name in sorted(lists))


def lacks(rows: Sequence[BundleRow]) -> tuple[str, ...]:
    """What a reader expects of the data and does not find, one sentence each."""
    parts = Counter[str](row.part for row in rows)
    stages = Counter(CALL_KINDS[row.call_kind].stage for row in rows if row.part == "planning")
    reasoned = sum(bool(row.thinking) for row in rows)
    found = [f"no rows of {part}" for part in PARTS if not parts[part]]
    found += [f"no planning rows of {stage}" for stage in PLANNING_STAGES if not stages[stage]]
    if not reasoned:
        found.append("0 rows with reasoning: no teacher reasoned, so plans are trained without it")
    return tuple(found)


def bundle_manifest(
    base: BaseRecord,
    recipe: BundleRecipe,
    files: Mapping[str, bytes],
    counts: tuple[Count, ...],
    rows: Sequence[BundleRow],
) -> BundleManifest:
    """Names every file by its hash."""
    return BundleManifest(
        round=recipe.round,
        base_name=base.name,
        base_digest=base.content_id,
        base_files=base.files,
        files=tuple(
            Input(name=name, content_id=hashlib.sha256(files[name]).hexdigest())
            for name in sorted(files)
        ),
        counts=counts,
        reasoned=sum(bool(row.thinking) for row in rows),
        notes=lacks(rows),
    )


def told(record: Record) -> bytes:
    """A record as an indented file."""
    text = json.dumps(record.model_dump(mode="json"), indent=1, sort_keys=True, ensure_ascii=False)
    return (text + "\n").encode()


def packed(folder: str, files: Mapping[str, bytes]) -> bytes:
    """A tar archive: sorted, without owners, at the epoch; nothing is compressed.

    Args:
        folder: Under which all files lie.
        files: Content by path.
    """
    sink = io.BytesIO()
    with tarfile.open(fileobj=sink, mode="w", format=tarfile.PAX_FORMAT) as archive:
        for name in sorted(files):
            member = tarfile.TarInfo(f"{folder}/{name}")
            member.size = len(files[name])
            member.mode = 0o755 if name.endswith(_PROGRAMS) else 0o644
            archive.addfile(member, io.BytesIO(files[name]))
    return sink.getvalue()


def unpacked(content: bytes) -> dict[str, bytes]:
    """Files of an archive by path, its folder left out.

    Raises:
        ValueError: It is no such archive.
    """
    try:
        with tarfile.open(fileobj=io.BytesIO(content), mode="r:") as archive:
            found = {
                member.name.partition("/")[2]: file.read()
                for member in archive.getmembers()
                if (file := archive.extractfile(member)) is not None
            }
    except tarfile.TarError as error:
        raise ValueError(f"no archive of a bundle ({error})") from error
    return found


def rows_in(files: Mapping[str, bytes], names: Iterable[str]) -> tuple[BundleRow, ...]:
    """Rows of some data files.

    Raises:
        ValueError: A file is missing, or a line is no row.
    """
    found = []
    for name in names:
        path = f"data/{name}.jsonl"
        if path not in files:
            raise ValueError(f"{path}: missing")
        for number, line in enumerate(files[path].split(b"\n")[:-1], 1):
            found.append(BundleRow.parse_json(line, where=f"{path}:{number}"))
    return tuple(found)
