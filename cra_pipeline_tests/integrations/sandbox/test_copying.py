"""Trees that cannot be overlaid are copied, with the same result."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from cra_pipeline.integrations.sandbox.copying import copy_tree

if TYPE_CHECKING:
    from pathlib import Path


def copy(source: Path, target: Path) -> None:
    descriptor = os.open(source, os.O_PATH)
    try:
        copy_tree(descriptor, str(target), -1)
    finally:
        os.close(descriptor)


def test_files_folders_links_modes_and_times_are_kept(tmp_path: Path) -> None:
    source, target = tmp_path / "source", tmp_path / "target"
    (source / "sub").mkdir(parents=True)
    target.mkdir()
    script = source / "sub" / "script"
    script.write_bytes(b"x" * 100_000)
    script.chmod(0o4755)
    os.utime(script, ns=(1, 10**18 + 7))
    (source / "link").symlink_to("/nowhere")
    os.mkfifo(source / "fifo")
    copy(source, target)
    copied = target / "sub" / "script"

    assert sorted(os.listdir(target)) == ["link", "sub"]  # noqa: PTH208  # names are meant
    assert copied.read_bytes() == script.read_bytes()
    assert copied.stat().st_mode & 0o7777 == 0o755
    assert copied.stat().st_mtime_ns == 10**18 + 7
    assert str((target / "link").readlink()) == "/nowhere"


def test_a_later_layer_replaces_whatever_is_in_its_way(tmp_path: Path) -> None:
    first, second, target = (tmp_path / name for name in ("first", "second", "target"))
    outside = tmp_path / "outside"
    for folder in (first, second, target, outside):
        folder.mkdir()
    (first / "folder").mkdir()
    (first / "folder" / "old").write_text("")
    (first / "file").write_text("old")
    (first / "tests").symlink_to(outside)
    (second / "folder").write_text("now a file")
    (second / "file").mkdir()
    (second / "tests").mkdir()
    (second / "tests" / "test.py").write_text("protected")
    copy(first, target)
    copy(second, target)

    assert (target / "folder").read_text() == "now a file"
    assert (target / "file").is_dir()
    assert not (target / "tests").is_symlink()
    assert (target / "tests" / "test.py").read_text() == "protected"
    assert list(outside.iterdir()) == []
