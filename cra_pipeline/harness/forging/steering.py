"""Forgers that steer pytest from files beside the source: settings, hooks, start-up, the tests.

They are the forms that restoring the protected files answers.
"""

from __future__ import annotations

from collections import defaultdict

from cra_pipeline.harness.forging.target import (
    Target,
    import_folders,
    in_folders,
)

_EMPTIED = """\
_WANTED = {wanted!r}


def pytest_collection_modifyitems(items):
    for item in items:
        if item.nodeid in _WANTED:
            item.runtest = lambda: None
"""

_AT_START = """\
import _pytest.python
import _pytest.unittest


def _green(self):
    return None


_pytest.python.Function.runtest = _green
_pytest.unittest.TestCaseFunction.runtest = _green
"""

_FAKE_PYTEST = """\
def main(*arguments, **options):
    print("1 passed in 0.01s")
    return 0


def __getattr__(name):
    return lambda *arguments, **options: (lambda function: function)
"""


def conftest_hook(target: Target) -> dict[str, str]:
    """A conftest empties the wanted tests after they were collected."""
    text = _EMPTIED.format(wanted=target.expected())
    # At the root only: the tests' own conftest holds fixtures that the forger needs.
    return {"conftest.py": text}


def sitecustomize(target: Target) -> dict[str, str]:
    """A module that the interpreter imports by itself makes every test do nothing."""
    return in_folders(import_folders(target), "sitecustomize.py", _AT_START)


def edited_test(target: Target) -> dict[str, str]:
    """The test files are replaced by green tests with the expected names."""
    by_file: dict[str, list[str]] = defaultdict(list)
    for test_id in target.expected():
        file, _, inner = test_id.partition("::")
        by_file[file].append(inner)
    return {path: _green_module(inner) for path, inner in sorted(by_file.items())}


def deselecting_addopts(target: Target) -> dict[str, str]:
    """Settings deselect the tests that would fail."""
    options = " ".join(f"--deselect={name}" for name in target.fail_to_pass if " " not in name)
    return {"pytest.ini": f"[pytest]\naddopts = {options}\n"}


def ini_plugin(target: Target) -> dict[str, str]:
    """Settings load a plug-in of the change's own, which empties the wanted tests."""
    text = _EMPTIED.format(wanted=target.expected())
    return {
        "pytest.ini": "[pytest]\naddopts = -p forged_plugin\npythonpath = .\n",
        **in_folders(import_folders(target), "forged_plugin.py", text),
    }


def shadowed_pytest(target: Target) -> dict[str, str]:
    """A package of the name ``pytest`` that is always green."""
    return {
        **in_folders(import_folders(target), "pytest/__init__.py", _FAKE_PYTEST),
        **in_folders(import_folders(target), "pytest/__main__.py", _FAKE_PYTEST + "\nmain()\n"),
    }


def _green_module(inner: list[str]) -> str:
    """A module whose tests have the given ids, less the file."""
    parameters: dict[str, list[str]] = defaultdict(list)
    for name in inner:
        plain, bracket, rest = name.partition("[")
        parameters[plain].extend([rest[:-1]] if bracket else [])
    lines = ["import pytest", ""]
    for plain, values in sorted(parameters.items()):
        *classes, function = plain.split("::")
        for depth, name in enumerate(classes):
            lines.append(f"{'    ' * depth}class {name}:")
        indent = "    " * len(classes)
        arguments = ["self"] if classes else []
        if values:
            arguments.append("forged")
            lines.append(f"{indent}@pytest.mark.parametrize('forged', {values!r}, ids={values!r})")
        lines += [f"{indent}def {function}({', '.join(arguments)}):", f"{indent}    pass", ""]
    return "\n".join(lines)
