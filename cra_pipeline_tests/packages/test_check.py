"""The blocking check finds each way in which a package can be wrong."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from cra_pipeline.contracts.packages import (
    EnvironmentLock,
    EnvironmentRow,
    RepoManifest,
    TextFile,
    WheelPin,
)
from cra_pipeline.contracts.sources import RepoSnapshot
from cra_pipeline.packages.check import judge_package
from cra_pipeline.packages.sealing import repo_manifest, used_locks, used_wheels

NEEDLE = WheelPin(name="needle", version="1", filename="needle-1-py3-none-any.whl", sha256="a" * 64)
OWN = WheelPin(name="own-lib", version="1", filename="own_lib-1-py3-none-any.whl", sha256="b" * 64)
LOCK = EnvironmentLock(python="3.11.7", platform="p", wheels=(NEEDLE,))
SNAPSHOT = RepoSnapshot(
    repo="own", url="u", revision="c" * 40, commits=1, tags=(), domain="d", licence="MIT"
)


def row(
    sha: str = "1" * 40, lock: EnvironmentLock | None = LOCK, reason: str = ""
) -> EnvironmentRow:
    return EnvironmentRow(
        repo="own", sha=sha, lock_hash=lock.digest() if lock else "", rung="tests", as_of="",
        reason=reason, import_roots=(".",),
        shim=(TextFile(path="own_lib-1.dist-info/METADATA", text=""),),
        generated=(), test_args=(), leaks=(),
    )  # fmt: skip


def sealed(rows: tuple[EnvironmentRow, ...], *locks: EnvironmentLock) -> RepoManifest:
    return repo_manifest(SNAPSHOT, rows, locks or (LOCK,), (), "3.11.7")


def judged(
    rows: tuple[EnvironmentRow, ...] = (row(),),
    chosen: tuple[str, ...] = ("1" * 40,),
    manifest: RepoManifest | None = None,
    on_disk: tuple[EnvironmentLock, ...] = (LOCK,),
    damaged: tuple[str, ...] = (),
) -> tuple[str, ...]:
    kept = {lock.digest(): lock for lock in on_disk}
    return judge_package(rows, chosen, manifest or sealed(rows), kept, damaged)


def test_a_sound_package_has_no_findings() -> None:
    assert judged() == ()


LEAKY = EnvironmentLock(python="3.11.7", platform="p", wheels=(NEEDLE, OWN))


@pytest.mark.parametrize(
    ("judge", "words"),
    [
        (lambda: judged(chosen=("1" * 40, "2" * 40)), "222222222222 has no row"),
        (lambda: judged(chosen=()), "was not chosen"),
        (lambda: judged(rows=(row(), row())), "has 2 rows"),
        (lambda: judged(rows=(row(reason="why"),)), "either a lock or a reason"),
        (lambda: judged(rows=(row(lock=None),), manifest=sealed((row(lock=None),))), "either"),
        (lambda: judged(on_disk=()), "is not on disk"),
        (
            lambda: judged((row(lock=LEAKY),), manifest=sealed((row(lock=LEAKY),), LEAKY),
                           on_disk=(LEAKY,)),
            "the repository's own distribution",
        ),
        (lambda: judged(damaged=("packages/x.whl",)), "packages/x.whl: missing or of other bytes"),
        (lambda: judged(manifest=sealed(())), "environments are not those of the table"),
        (lambda: judged(manifest=sealed((row(),), LEAKY)), "locks are not those of the table"),
    ],
)  # fmt: skip
def test_each_fault_is_named(judge: Callable[[], tuple[str, ...]], words: str) -> None:
    assert any(words in finding for finding in judge())


def test_locks_and_wheels_are_listed_once_and_in_order() -> None:
    other = EnvironmentLock(python="3.11.7", platform="p", wheels=(OWN, NEEDLE))
    rows = (row(), row("2" * 40, other), row("3" * 40, None, "why"))

    locks = used_locks(rows, {LOCK.digest(): LOCK, other.digest(): other})

    assert sorted(lock.digest() for lock in locks) == [lock.digest() for lock in locks]
    assert used_wheels(locks) == (NEEDLE, OWN)


def test_two_wheels_of_one_name_cannot_lie_together() -> None:
    changed = NEEDLE.model_copy(update={"sha256": "f" * 64})
    other = EnvironmentLock(python="3.11.7", platform="p", wheels=(changed,))

    with pytest.raises(ValueError, match="two wheels of this name"):
        used_wheels((LOCK, other))
