"""Tests may do what tests do, except to read the source that they judge."""

from __future__ import annotations

import pytest

from cra_pipeline.diffs import Blob
from cra_pipeline.harness.scan_tests import scan_tests

PATH = "tests/test_a.py"


def rules_of(code: str, before: str | None = None) -> set[str]:
    old = {} if before is None else {PATH: Blob("100644", before.encode())}
    found = scan_tests(old, {PATH: Blob("100644", code.encode())}, sources=["src/pkg/core.py"])
    return {each.rule for each in found}


@pytest.mark.parametrize(
    ("code", "rule"),
    [
        ("import pkg\nopen(pkg.__file__)\n", "reads_source"),
        (
            "import glob, pkg\n[open(p) for p in glob.glob(pkg.__path__[0] + '/*.py')]\n",
            "reads_source",
        ),
        ("from pathlib import Path\nPath('src/pkg/core.py').read_text()\n", "reads_source"),
        ("(ROOT / 'src' / 'pkg').joinpath('core.py').read_bytes()\n", "reads_source"),
        ("import inspect, pkg\ninspect.getsource(pkg)\n", "reads_source"),
        ("from inspect import getsource\n", "reads_source"),
        ("f.__code__\n", "reads_source"),
        ("getattr(f, '__code__')\n", "reads_source"),
        ("import importlib.util as u\nopen(u.find_spec('pkg').origin)\n", "reads_source"),
        ("import linecache\n", "reads_source"),
        ("import os\nos._exit(0)\n", "process_exit"),
        ("import __main__\n", "judge_process"),
        ("import ctypes\n", "native_memory"),
        ("open(700, 'wb')\n", "descriptors"),
        ("def broken(:\n", "unreadable"),
    ],
)
def test_reading_the_source_or_reaching_for_the_judge_is_found(code: str, rule: str) -> None:
    assert rule in rules_of(code)
    assert rules_of(code, before=code + "\n") == set()


@pytest.mark.parametrize(
    "code",
    [
        "import pytest\nfrom unittest.mock import ANY\npytest.skip('x')\n",
        "def test_a(tmp_path):\n    (tmp_path / 'a.txt').read_text()\n",
        "from pathlib import Path\nPath(__file__).with_name('data.json').read_text()\n",
        "import pkg\nassert pkg.__file__\n",
        "import hashlib\nassert hashlib.sha256(b'x').hexdigest()\n",
        "def test_a(monkeypatch):\n    monkeypatch.setattr('sys.argv', [])\n    exec('1')\n",
        "class A:\n    def __eq__(self, o):\n        return True\n",
    ],
)
def test_ordinary_tests_are_left_alone(code: str) -> None:
    assert rules_of(code) == set()
