"""An attempt that changes more than the commit did has not reproduced it."""

from __future__ import annotations

from pathlib import Path

import pytest

from cra_pipeline_tests.conftest import DISCOUNT
from cra_pipeline_tests.integrations.clean_room.arenas import COMPLETE, Arena

_COMMIT = f"""
import pathlib, subprocess
for path, text in {DISCOUNT!r}.items():
    pathlib.Path(path).write_text(text)
def commit():
    who = ['-c', 'user.name=a', '-c', 'user.email=a@b.c']
    for words in (['add', '-A'], [*who, 'commit', '-qm', 'work']):
        subprocess.run(['git', *words], check=True, stdin=subprocess.DEVNULL)
"""


@pytest.mark.slow
@pytest.mark.parametrize(
    ("beside", "miss"),
    [
        ("", ""),
        ("pathlib.Path('notes.md').write_text('mine')", "notes.md: changed beside"),
        ("pathlib.Path('more.py').write_text('x = 1')", "more.py: changed beside"),
        ("pathlib.Path('till.py').write_text('x = 1')", "till.py: not as the commit leaves it"),
        ("pathlib.Path('tests/test_till.py').unlink()", "tests/test_till.py: not as"),
    ],
)
def test_files_beside_the_commits_own_are_seen(
    tmp_path: Path, arena: Arena, beside: str, miss: str
) -> None:
    run = arena.attempt(tmp_path, f"{COMPLETE}\n{_COMMIT}\n{beside}\ncommit()\nsay_complete()\n")

    assert run.reproduced is not bool(miss), run
    assert run.shortfall.startswith(miss)
    assert not run.usable
