"""Resolutions kept by their question, so that equal requirements are resolved once.

An answer is written only after every wheel of it lies in the store: it can be used offline.
"""

from __future__ import annotations

from cra_pipeline.contracts.packages import EnvironmentLock
from cra_pipeline.contracts.record import Record
from cra_pipeline.contracts.workspace import Layout
from cra_pipeline.integrations.files import read_record, write_record
from cra_pipeline.integrations.index import IndexAddress
from cra_pipeline.integrations.uv import (
    PLATFORM,
    PYTHON,
    ResolvedWheel,
    UnresolvableError,
    resolve,
)
from cra_pipeline.integrations.wheels import fetch_wheel, stored


class Question(Record):
    """What an index was asked; its digest names the file of the answer."""

    requirements: tuple[str, ...]
    as_of: str
    python: str
    platform: str
    index: str
    """Label of the index; empty for uv's own configuration."""


class StoredResolution(Record):
    """The answer to a question."""

    question: Question
    lock: EnvironmentLock | None
    words: str
    """Why there is no lock; empty where there is one."""


def stored_resolution(
    layout: Layout,
    requirements: tuple[str, ...],
    *,
    as_of: str,
    index: IndexAddress,
    most_mb: int,
) -> StoredResolution:
    """The kept answer where its wheels are still there, else a fresh one.

    Args:
        layout: The workspace.
        requirements: Clean lines.
        as_of: Day that bounds the resolution; empty where undated.
        index: Index in place of uv's own configuration; of empty address for the latter.
        most_mb: Largest sum of downloads, in megabytes.

    Raises:
        EnvironmentBuildError: The index cannot be reached.
        PackageError: A download is not what the index promised.
    """
    question = Question(
        requirements=requirements, as_of=as_of, python=PYTHON, platform=PLATFORM, index=index.label
    )
    path = layout.root / "resolutions" / f"{question.digest()}.json"
    if path.exists():
        known = read_record(path, StoredResolution)
        if known.lock is None or _all_stored(layout, known.lock):
            return known
    answer = _ask(layout, question, index.url, most_mb)
    write_record(path, answer)
    return answer


def _all_stored(layout: Layout, lock: EnvironmentLock) -> bool:
    return all(stored(layout, pin).exists() for pin in lock.wheels)


def _ask(layout: Layout, question: Question, index_url: str, most_mb: int) -> StoredResolution:
    try:
        wheels = resolve(layout, question.requirements, as_of=question.as_of, index_url=index_url)
        _require_modest(wheels, most_mb)
    except UnresolvableError as error:
        return StoredResolution(question=question, lock=None, words=str(error))
    pins = tuple(fetch_wheel(layout, wheel) for wheel in wheels)
    lock = EnvironmentLock(python=PYTHON, platform=PLATFORM, wheels=pins)
    return StoredResolution(question=question, lock=lock, words="")


def _require_modest(wheels: tuple[ResolvedWheel, ...], most_mb: int) -> None:
    total = sum(wheel.size for wheel in wheels) >> 20
    if total > most_mb:
        largest = max(wheels, key=lambda wheel: wheel.size)
        raise UnresolvableError(
            f"downloads of {total} MB exceed {most_mb} MB: {largest.name} has no usable wheels of "
            "a modest size"
        )
