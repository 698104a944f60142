"""Where a tree cannot be overlaid it is copied, and the limits stay what they were."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

_PROJECT = Path(__file__).parents[3]
# An overlay's owners cannot be mapped, so one that root shows has to be copied.
_ON_OVERLAY = """
import os, sys
from pathlib import Path
from cra_pipeline.contracts.sandbox import Limits, SandboxRequest
from cra_pipeline.integrations.sandbox import kernel
from cra_pipeline.integrations.sandbox.bubblewrap import run_and_tell
folder = Path(sys.argv[1])
kernel.unshare(kernel.CLONE_NEWNS)
kernel.mount('none', '/', None, kernel.MS_REC | kernel.MS_PRIVATE)
options = f'lowerdir={folder}/lower,upperdir={folder}/upper,workdir={folder}/work'
kernel.mount('x', f'{folder}/tree', 'overlay', 0, options)
code = '''
cat big | wc -c; cat small; echo more >> small; cat small
head -c 100000000 /dev/zero > /tmp/fill; wc -c < /tmp/fill
'''
request = SandboxRequest(
    argv=('/bin/sh', '-c', code), tree=folder / 'tree', layers=(folder / 'layer',),
    limits=Limits(disk_mb=4),
)
result, way = run_and_tell(request)
print(way)
print(result.stdout)
"""


@pytest.mark.skipif(os.geteuid() != 0, reason="mounts an overlay to be copied")
def test_a_tree_that_cannot_be_overlaid_is_copied_beside_the_disk_limit(tmp_path: Path) -> None:
    for name in ("lower", "upper", "work", "tree", "layer"):
        (tmp_path / name).mkdir()
    (tmp_path / "lower" / "big").write_bytes(bytes(8 << 20))
    (tmp_path / "lower" / "small").write_text("tree\n")
    (tmp_path / "layer" / "small").write_text("layer\n")
    done = subprocess.run(
        [sys.executable, "-c", _ON_OVERLAY, str(tmp_path)],
        capture_output=True,
        text=True,
        cwd=_PROJECT,
        check=True,
    )
    way, size, before, after, more, filled = done.stdout.split()

    assert way == "copy"
    assert int(size) == 8 << 20
    assert [before, after, more] == ["layer", "layer", "more"]
    assert 3 << 20 < int(filled) <= 4 << 20
    assert (tmp_path / "layer" / "small").read_text() == "layer\n"
