"""The scan refuses what reaches for the judge and lets ordinary work pass."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cra_pipeline.diffs import Blob
from cra_pipeline.harness.scan import Finding, scan_change

PROTECTED = ("tests/test_a.py", "pkg/checks/helper.py")


def blobs(texts: dict[str, str | bytes]) -> dict[str, Blob]:
    return {
        path: Blob("100644", text if isinstance(text, bytes) else text.encode())
        for path, text in texts.items()
    }


def scanned(before: dict[str, str | bytes], after: dict[str, str | bytes]) -> tuple[Finding, ...]:
    return scan_change(blobs(before), blobs(after), protected=PROTECTED, import_roots=("src",))


def rules_of(code: str, before: str = "") -> set[str]:
    return {found.rule for found in scanned({"src/a.py": before}, {"src/a.py": code})}


@pytest.mark.parametrize(
    ("code", "rule"),
    [
        ("import os\nos._exit(0)\n", "process_exit"),
        ("from os import _exit as leave\nleave(0)\n", "process_exit"),
        ("import os as o\ngetattr(o, '_exit')(0)\n", "process_exit"),
        ("import atexit\n", "process_exit"),
        ("import sys\nsys.exit(0)\n", "exit_at_import"),
        ("if 1:\n    raise SystemExit\n", "exit_at_import"),
        ("class A:\n    quit()\n", "exit_at_import"),
        ("import pytest\n", "judge_internals"),
        ("from _pytest import runner\n", "judge_internals"),
        ("import importlib\nimportlib.import_module('_pytest.runner')\n", "judge_internals"),
        ("import sys\nsys.modules['_pytest.reports']\n", "judge_internals"),
        ("import pluggy._callers\n", "judge_internals"),
        ("import gc\ngc.get_objects()\n", "runtime_inspection"),
        ("import sys\nsys._getframe()\n", "runtime_inspection"),
        ("from sys import *\n", "runtime_inspection"),
        ("import inspect\ninspect.stack()\n", "runtime_inspection"),
        ("object.__subclasses__()\n", "runtime_inspection"),
        ("def f(): ...\nf.__globals__\n", "runtime_inspection"),
        ("import ctypes\n", "native_memory"),
        ("import os\nos.write(9, b'')\n", "descriptors"),
        ("open('/proc/self/fd/9')\n", "descriptors"),
        ("import os\nos.environ.get('PYTEST_CURRENT_TEST')\n", "test_detection"),
        ("exec('x')\n", "dynamic_code"),
        ("__import__('x')\n", "dynamic_code"),
        ("import importlib\nimportlib.import_module('_py' + 'test')\n", "dynamic_code"),
        ("import sys\nsys.modules['json'] = 1\n", "import_system"),
        ("import sys\nsys.meta_path.insert(0, 1)\n", "import_system"),
        ("import unittest\nunittest.TestCase.run = None\n", "patched_module"),
        ("import builtins\nbuiltins.len = lambda x: 1\n", "patched_module"),
        ("import os\nsetattr(os, 'write', 1)\n", "patched_module"),
        ("import unittest\nraise unittest.SkipTest\n", "test_outcome"),
        ("from unittest.mock import ANY\n", "always_equal"),
        ("class A:\n    def __eq__(self, o):\n        return True\n", "always_equal"),
        ("class A:\n    def __eq__(self, o):\n        return not 0\n", "always_equal"),
        ("class A:\n    def __ne__(self, o):\n        return 1 > 2\n", "always_equal"),
        ("class A:\n    __eq__ = lambda self, o: True\n", "always_equal"),
        (
            "class A:\n    def __eq__(self, o):\n        return isinstance(o, object)\n",
            "always_equal",
        ),
        ("A = type('A', (), {'__eq__': lambda s, o: True})\n", "always_equal"),
        ("class A:\n    def __eq__(self, o):\n        return o is o\n", "always_equal"),
        ("class A:\n    def __eq__(self, o):\n        return o == o\n", "always_equal"),
        ("class A:\n    def __eq__(self, o):\n        return o is not None\n", "always_equal"),
        ("A.__eq__ = lambda s, o: True\n", "always_equal"),
        ("import __main__\n", "judge_process"),
        ("import sys\nsys.modules['__main__']\n", "judge_process"),
        ("import sys\nsys.modules.get('__main__')\n", "judge_process"),
        ("import importlib\nimportlib.import_module('__main__')\n", "judge_process"),
        ("import importlib\nimportlib.import_module('ctypes')\n", "native_memory"),
        ("import importlib\nimportlib.import_module(f\"{'_py'}test\")\n", "dynamic_code"),
        ("import importlib\nimportlib.import_module(name='_py' + x)\n", "dynamic_code"),
        ("import importlib\nimportlib.import_module(f'.{x}', '_py' + 'test')\n", "dynamic_code"),
        ("import importlib\nimportlib.import_module(__name__[:0] + x)\n", "dynamic_code"),
        ("import sys\nsys.modules.get('_' + 'pytest')\n", "import_system"),
        ("import sys\nsys.modules[f'{x}test']\n", "import_system"),
        ("import runpy\n", "code_in_data"),
        ("from code import InteractiveInterpreter\n", "code_in_data"),
        ("import marshal\n", "code_in_data"),
        ("import pickle as p\np.loads(b'')\n", "code_in_data"),
        ("from dill import load\n", "code_in_data"),
        ("import importlib.util as u\nu.spec_from_file_location('a', 'b')\n", "code_in_data"),
        ("from importlib.machinery import SourceFileLoader\n", "code_in_data"),
        ("import types\ntypes.FunctionType(x, {})\n", "code_in_data"),
        ("from types import CodeType\nCodeType(1)\n", "code_in_data"),
        ("import operator\noperator.attrgetter('tb_frame.f_back')\n", "runtime_inspection"),
        ("import sys\nvars(sys)['_getframe']\n", "runtime_inspection"),
        ("getattr(e, 'f_globals')\n", "runtime_inspection"),
        ("open(700, 'wb')\n", "descriptors"),
        ("open(x, 'wb', closefd=False)\n", "descriptors"),
        ("open(3 + 4)\n", "descriptors"),
    ],
)
def test_reaching_for_the_judge_is_found(code: str, rule: str) -> None:
    assert rule in rules_of(code)
    assert rules_of(code, before=code) == set()


@pytest.mark.parametrize(
    "code",
    [
        '"""Never call os._exit or pytest here; see /proc/self/fd."""\n' + "x = 1\n" * 9,
        "# import ctypes\n",
        "import sys\n\n\ndef main():\n    sys.exit(1)\n",
        "import sys\nif __name__ == '__main__':\n    sys.exit(0)\n",
        "import sys\nsys.modules[__name__] = 1\nsys.stdout = None\nsys.path.append('x')\n",
        "class A:\n    def __eq__(self, o):\n        return self.x == o.x\n",
        "class A:\n    def __eq__(self, o):\n        return NotImplemented\n",
        "class A:\n    def __eq__(self, o):\n        return False\n",
        "class A:\n    def __eq__(self, o):\n        return True if o is self else o.x == 1\n",
        "class A:\n    def __eq__(self, other):\n        raise TypeError\n",
        "import re\nre.compile('x')\n",
        "gc = Thing()\ngc.get_objects()\n",
        "def f(os):\n    return os.write\n",
        "import importlib\nimportlib.import_module('json')\n",
        "import importlib\nimportlib.import_module(f'.{x}', __package__)\n",
        "import importlib\nimportlib.import_module(f'{__name__}.{x}')\n",
        "import importlib\nimportlib.import_module(f'a.{x}')\n",
        "import sys\nsys.modules[cls.__module__]\n",
        "if x.__module__ == '__main__':\n    pass\n",
        "import types\nisinstance(f, (types.FunctionType, types.CodeType))\n",
        "from types import FunctionType\ndef f(x: FunctionType): ...\n",
        "import pickle\npickle.dumps(1)\n",
        "open(path, 'rb')\n",
        "class A:\n    def __eq__(self, o):\n        return self is o\n",
        "class A:\n    def __eq__(self, o):\n        return o is not None and o.x == 1\n",
    ],
)
def test_ordinary_work_is_left_alone(code: str) -> None:
    assert rules_of(code) == set()


@pytest.mark.parametrize(
    "content",
    [
        b"def broken(:\n",
        b"x = '\xe9'\n",
        b"# coding: rot13\nvzcbeg bf\n",
        b"# coding: utf-7\nx = 1\n",
        b"# coding: of-my-own\nx = 1\n",
        b"x = " + b"+".join([b"y"] * 9000) + b"\n",
        b"x = " + b"(" * 500 + b")" * 500 + b"\n",
    ],
)
def test_code_that_cannot_be_judged_is_refused(content: bytes) -> None:
    assert "unreadable" in {each.rule for each in scanned({}, {"src/a.py": content})}
    assert "unreadable" in {
        each.rule for each in scanned({"src/a.py": "x = 1\n"}, {"src/a.py": content})
    }
    assert scanned({"src/a.py": b"def it was(:"}, {"src/a.py": b"def broken(:\n"}) == ()


def test_what_another_file_has_is_not_allowed_here() -> None:
    code = "import sys\nsys._getframe()\n"
    found = scanned({"src/b.py": code, "src/a.py": ""}, {"src/b.py": code + "\n", "src/a.py": code})

    assert {(each.path, each.rule) for each in found} == {("src/a.py", "runtime_inspection")}


def test_one_move_allows_one_new_place() -> None:
    code = "import sys\nsys._getframe()\n"
    found = scanned({"src/a.py": code}, {"src/a.py": "", "src/b.py": code, "src/c.py": code})

    assert [each.path for each in found] == ["src/c.py"]


def test_code_that_moves_between_files_is_left_alone() -> None:
    code = "import sys\nsys._getframe()\n"

    assert scanned({"src/a.py": code}, {"src/a.py": "", "src/b.py": code}) == ()


def test_a_finding_names_path_and_line() -> None:
    found = scanned({}, {"src/a.py": "\n\nimport ctypes\n"})

    assert [str(each) for each in found] == ["src/a.py:3: native_memory: ctypes"]


@pytest.mark.parametrize(
    "path",
    [
        *("tests/test_a.py", "tests/new/helper.py", "pkg/checks/helper.py", "conftest.py"),
        *("src/conftest.py", "src/test_b.py", "src/sitecustomize.py", "usercustomize.py"),
        *("src/x.pth", "testing/x.py", "a-1.dist-info/METADATA", "src/a.egg-info/PKG-INFO"),
        "src/entry_points.txt",
    ],
)
def test_guarded_files_are_refused(path: str) -> None:
    assert {found.rule for found in scanned({}, {path: "x = 1\n"})} == {"guarded_file"}
    assert {found.rule for found in scanned({path: "x = 1\n"}, {})} == {"guarded_file"}


@pytest.mark.parametrize(
    ("path", "before", "after", "refused"),
    [
        ("pytest.ini", None, "", True),
        ("tox.ini", None, "[pytest]\naddopts = -x\n", True),
        ("tox.ini", "[tox]\nenvlist = a\n", "[tox]\nenvlist = b\n", False),
        ("setup.cfg", "[metadata]\nname = a\n", "[tool:pytest]\naddopts = -x\n", True),
        ("setup.cfg", "[metadata]\nname = a\n", "[metadata]\nname = b\n", False),
        ("pyproject.toml", "[project]\nname = 'a'\n", "[project]\nname = 'b'\n", False),
        ("pyproject.toml", "", "[tool.pytest.ini_options]\naddopts = '-x'\n", True),
        ("pyproject.toml", "", "no toml", True),
        ("sub/pyproject.toml", "", "[tool.pytest]\n", True),
        ("setup.cfg", "", "no section\n", True),
    ],
)
def test_only_settings_of_pytest_are_refused(
    path: str, before: str | None, after: str, refused: object
) -> None:
    found = scanned({} if before is None else {path: before}, {path: after})

    assert bool(found) == refused
    assert {each.rule for each in found} <= {"test_settings"}


@pytest.mark.parametrize(
    ("path", "shadows"),
    [
        ("src/pytest.py", True),
        ("src/_pytest/__init__.py", True),
        ("src/json.py", True),
        ("tests/unittest/__init__.py", True),
        ("src/pkg/json.py", False),
        ("src/jason.py", False),
        ("json.py", False),
        ("src/json.txt", False),
    ],
)
def test_new_modules_under_a_used_name_are_refused(path: str, shadows: object) -> None:
    found = {each.rule for each in scanned({}, {path: "x = 1\n"})}

    assert ("shadowed_module" in found) == shadows
    assert "shadowed_module" not in {each.rule for each in scanned({path: ""}, {path: "x = 1\n"})}


@pytest.mark.parametrize(("mode", "rule"), [("120000", "symlink"), ("160000", "submodule")])
def test_links_are_refused(mode: str, rule: str) -> None:
    after = {"src/a": Blob(mode, b"/etc")}
    found = scan_change({}, after, protected=(), import_roots=())

    assert [each.rule for each in found] == [rule]
    assert scan_change(after, after, protected=(), import_roots=()) == ()


@pytest.mark.parametrize(
    ("path", "content", "refused"),
    [
        ("src/a.so", b"x", True),
        ("src/a.bin", b"\0", True),
        ("src/a.py", b"x = '\0'", True),
        ("docs/a.png", b"\0", False),
        ("docs/a.png", b"\x7fELF\0", True),
        ("docs/a.txt", b"PK\x03\x04", True),
        ("docs/a.png", b"\x89PNG\0" + b"PK\x05\x06" + b"\0" * 18, True),
        ("src/a.py", "# -*- coding: latin-1 -*-\nx = 'é'\n".encode("latin-1"), False),
    ],
)
def test_content_that_nobody_can_read_is_refused(
    path: str, content: bytes, refused: object
) -> None:
    assert bool(scanned({}, {path: content})) == refused


@given(st.binary())
def test_any_bytes_can_be_scanned(content: bytes) -> None:
    files: dict[str, str | bytes] = dict.fromkeys(
        ("src/a.py", "setup.cfg", "pyproject.toml"), content
    )

    assert {finding.path for finding in scanned({}, files)} <= set(files)
