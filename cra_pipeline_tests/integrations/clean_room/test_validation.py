"""The agent's own test command runs what the base gives away, and counts what passed there."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cra_pipeline.integrations.clean_room import validate
from cra_pipeline.integrations.clean_room.validation import functions_of, validation_orders
from cra_pipeline_tests.integrations.clean_room.beds import OLD_TEST, Bed

TESTS = "tests/test_till.py"
TEXT = """
import pytest

if True:
    def test_conditional(): pass

class TestTill:
    async def test_inner(self): pass
    class TestDeep:
        def test_deep(self):
            def test_local(): pass

try:
    import nothing
except ImportError:
    def helper(): pass
"""


def test_orders_name_what_passed_at_the_base_and_no_hidden_test(bed: Bed) -> None:
    before = {TESTS: bed.materials.before[TESTS].content.decode()}
    orders = validation_orders(bed.task, bed.materials.environment, before)

    assert orders["files"] == [TESTS]
    assert orders["functions"] == [OLD_TEST]
    assert orders["passing"] == [OLD_TEST]
    assert orders["path"] == ["/shim", "/repo"]
    assert "discount" not in json.dumps(orders)


def test_files_without_an_expected_test_are_not_run(bed: Bed) -> None:
    task = bed.task.model_copy(update={"test_files": (TESTS, "tests/test_red.py")})
    orders = validation_orders(task, bed.materials.environment, {"tests/test_red.py": "x = 1"})

    assert orders["files"] == [TESTS]
    assert orders["functions"] == []
    assert orders["passing"] == []


def test_functions_are_found_wherever_pytest_would_find_them() -> None:
    assert list(functions_of("t.py", TEXT)) == [
        "t.py::test_conditional", "t.py::TestTill::test_inner",
        "t.py::TestTill::TestDeep::test_deep",
    ]  # fmt: skip


@given(st.text())
def test_no_text_breaks_the_search_for_functions(text: str) -> None:
    assert all(name.startswith("t.py::") for name in functions_of("t.py", text))


def run(folder: Path, files: Mapping[str, str], orders: Mapping[str, object]) -> int:
    """The script as the sandbox runs it, its place aside."""
    script = Path(validate.__file__).read_text().replace("/tools", str(folder / "tools"))
    (folder / "tools").mkdir()
    (folder / "tools" / "validate.py").write_text(script)
    told: dict[str, object] = {
        "args": [],
        "path": [],
        "files": sorted(files),
        "functions": [],
        "passing": [],
    }
    (folder / "tools" / "validation.json").write_text(json.dumps({**told, **orders}))
    for name, text in files.items():
        (folder / name).write_text(text)
    done = subprocess.run(
        [sys.executable, "-s", str(folder / "tools" / "validate.py")],
        cwd=folder,
        # Plugins of this environment take seconds to load.
        env={**os.environ, "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"},
        check=False,
        capture_output=True,
    )
    return done.returncode


def test_hidden_tests_that_are_red_with_the_right_change_count_for_nothing(
    tmp_path: Path, bed: Bed
) -> None:
    text = BAD + GOOD + "def test_other():\n    assert 0\n"
    task = bed.task.model_copy(
        update={
            "test_files": ("test_a.py",),
            "pass_to_pass": (),
            "fail_to_pass": ("test_a.py::test_good",),
        }
    )
    hidden = {"test_a.py": BAD + GOOD}
    orders = validation_orders(task, bed.materials.environment, {}, hidden)
    told = {key: value for key, value in orders.items() if key not in {"path", "args"}}

    assert "test_good" not in json.dumps(orders)
    assert run(tmp_path, {"test_a.py": hidden["test_a.py"]}, told) == 0
    (tmp_path / "again").mkdir()
    assert run(tmp_path / "again", {"test_a.py": text}, told) == 1


BAD, GOOD = "def test_bad():\n    assert 0\n", "def test_good():\n    pass\n"
CASES: dict[str, tuple[dict[str, str], dict[str, list[str]], int]] = {
    "all pass": ({"test_a.py": GOOD}, {}, 0),
    "a new test fails": ({"test_a.py": BAD}, {}, 1),
    "an old test that passed fails": (
        {"test_a.py": BAD},
        {"functions": ["test_a.py::test_bad"], "passing": ["test_a.py::test_bad"]},
        1,
    ),
    "an old test that never passed fails": (
        {"test_a.py": BAD + GOOD},
        {
            "functions": ["test_a.py::test_bad", "test_a.py::test_good"],
            "passing": ["test_a.py::test_good"],
        },
        0,
    ),
    "nothing is left to run": (
        {"test_a.py": BAD},
        {"functions": ["test_a.py::test_bad"]},
        0,
    ),
    "a file that gave tests cannot be read any more": (
        {"test_a.py": "def test_good(:"},
        {"functions": ["test_a.py::test_good"], "passing": ["test_a.py::test_good"]},
        1,
    ),
    "a file that never gave any cannot be read": (
        {"test_a.py": "import nothing_of_this_name\n", "test_b.py": GOOD},
        {"functions": ["test_a.py::test_x"]},
        0,
    ),
    "the file is not there yet": ({}, {"files": ["test_new.py"]}, 0),
}


@pytest.mark.parametrize("case", sorted(CASES))
def test_the_command_fails_for_what_counts_alone(tmp_path: Path, case: str) -> None:
    files, orders, status = CASES[case]

    assert run(tmp_path, files, orders) == status
