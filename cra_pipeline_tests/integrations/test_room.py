"""Memory that may be taken is what the machine or a control group leaves, caches included."""

from __future__ import annotations

from pathlib import Path

import psutil
import pytest

from cra_pipeline.integrations.room import available_mb, processors

MB = 1 << 20
V1 = ("memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file")
V2 = ("memory.max", "memory.current", "inactive_file")


def machine(folder: Path, group: str) -> tuple[Path, Path]:
    """20 GB free at once, 23 GB with caches that can be given up."""
    proc, groups = folder / "proc", folder / "groups"
    (proc / "self").mkdir(parents=True)
    meminfo = f"MemTotal: 25000000 kB\nMemFree: {20 << 20} kB\nMemAvailable: {23 << 20} kB\n"
    (proc / "meminfo").write_text(meminfo)
    (proc / "self" / "cgroup").write_text(f"7:cpu,cpuacct:/elsewhere\n{group}\n")
    return proc, groups


def limited(folder: Path, names: tuple[str, str, str], limit: str, used: int, cache: int) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / names[0]).write_text(f"{limit}\n")
    (folder / names[1]).write_text(f"{used * MB}\n")
    (folder / "memory.stat").write_text(f"anon 1\n{names[2]} {cache * MB}\n")


def test_caches_count_as_available(tmp_path: Path) -> None:
    assert available_mb(*machine(tmp_path, "0::/")) == 23 << 10


@pytest.mark.parametrize(
    ("group", "place", "names"),
    [
        ("0::/a/b", "a/b", V2),
        ("0::/a/b", "a", V2),
        ("0::/a/b", ".", V2),
        ("4:memory:/a/b", "memory/a/b", V1),
        ("4:memory:/of/the/host", "memory", V1),
    ],
)
def test_a_lower_limit_of_a_group_around_the_process_holds(
    tmp_path: Path, group: str, place: str, names: tuple[str, str, str]
) -> None:
    proc, groups = machine(tmp_path, group)
    limited(groups / place, names, str(4000 * MB), 3000, 500)

    assert available_mb(proc, groups) == 1500


@pytest.mark.parametrize(
    ("limit", "names", "group", "place"),
    [
        ("max", V2, "0::/a", "a"),
        ("9223372036854771712", V1, "4:memory:/a", "memory/a"),
        (str(1 << 50), V2, "0::/a", "a"),
    ],
)
def test_a_group_without_a_limit_or_with_a_wide_one_changes_nothing(
    tmp_path: Path, limit: str, names: tuple[str, str, str], group: str, place: str
) -> None:
    proc, groups = machine(tmp_path, group)
    limited(groups / place, names, limit, 3000, 0)

    assert available_mb(proc, groups) == 23 << 10


def test_a_group_that_is_over_its_limit_leaves_nothing(tmp_path: Path) -> None:
    proc, groups = machine(tmp_path, "0::/a")
    limited(groups / "a", V2, str(100 * MB), 120, 5)

    assert available_mb(proc, groups) == 0


def test_of_this_machine_something_is_left() -> None:
    assert 0 < available_mb() <= psutil.virtual_memory().total >> 20
    assert processors() >= 1
