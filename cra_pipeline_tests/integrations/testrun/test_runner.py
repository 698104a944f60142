"""Real runs in the sandbox: what a repository's tests may do, and what is reported of it."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Protocol

import pytest

from cra_pipeline.contracts.packages import TextFile
from cra_pipeline.contracts.sandbox import Ending, Limits
from cra_pipeline.contracts.testrun import TestResult, TestRunReport, TestRunRequest
from cra_pipeline.integrations.testrun.runner import PytestRunner, ordered


class Bench(Protocol):
    """The fixture of that name."""

    runner: PytestRunner
    place: Path

    def run(
        self, files: dict[str, str], *layers: dict[str, str], **fields: object
    ) -> TestRunReport: ...

    def request(self, files: dict[str, str], *layers: dict[str, str]) -> TestRunRequest: ...


ODD = {
    "pytest.ini": "[pytest]\naddopts = -x --doctest-modules --doctest-glob=*.txt\n",
    "src/toy.py": "VALUE = 1\n",
    "tests/test_absent.py": "import absent.part\n",
    "tests/test_doc.py": "def double(n):\n    '>>> double(2)'\n    assert 0\n",
    "tests/test_odd.py": """\
import os
import subprocess
import sys
import unittest
from importlib import metadata

import pytest
import toy
import toy_version


@pytest.mark.parametrize("text", ["é☃", "a::b", pytest.param("x", id="x" * 900)])
def test_ids(text):
    assert text


def test_ümlaut():
    pass


def test_exits():
    sys.exit(0)


def test_forks():
    if os.fork() == 0:
        os.closerange(3, 1024)
        os._exit(1)
    os.wait()


def test_goes_elsewhere(tmp_path):
    os.chdir(tmp_path)


def test_prints():
    os.write(1, b"x" * 3_000_000)
    print("y" * 3_000_000)
    assert 0


def test_surroundings():
    assert metadata.version("toy") == toy_version.VERSION == "1.0"
    assert subprocess.check_output(["toy-script"]) == b"shim\\n"
    code = "import toy; print(toy.VALUE)"
    assert subprocess.check_output([sys.executable, "-c", code]) == b"1\\n"
    assert os.environ["PYTHONHASHSEED"] == "7"
    assert not [name for name in os.environ if name.startswith("CRA")]
    assert not os.path.exists("gone.txt")


@pytest.mark.xfail
def test_expected():
    assert 0


@pytest.mark.xfail(strict=True)
def test_unexpected():
    pass


@pytest.fixture
def falls():
    yield
    raise OSError("late")


def test_teardown(falls):
    pass


class Class:
    pass


def test_address():
    assert Class() is None


class TestCases(unittest.TestCase):
    def test_subtests(self):
        for number in range(3):
            with self.subTest(number=number):
                self.assertNotEqual(number, 1)

    @unittest.skip("no")
    def test_skipped(self):
        pass

    @unittest.expectedFailure
    def test_known(self):
        self.fail()
""",
    "gone.txt": "",
}
ODD_RESULTS = {
    "test_doc.py::test_doc.double": "failed",
    "test_odd.py::TestCases::test_known": "xfailed",
    "test_odd.py::TestCases::test_skipped": "skipped",
    "test_odd.py::TestCases::test_subtests": "failed",
    "test_odd.py::test_address": "failed",
    "test_odd.py::test_exits": "failed",
    "test_odd.py::test_expected": "xfailed",
    "test_odd.py::test_forks": "passed",
    "test_odd.py::test_goes_elsewhere": "passed",
    "test_odd.py::test_ids[\\xe9\\u2603]": "passed",
    "test_odd.py::test_ids[a::b]": "passed",
    "test_odd.py::test_prints": "failed",
    "test_odd.py::test_surroundings": "passed",
    "test_odd.py::test_teardown": "error",
    "test_odd.py::test_unexpected": "failed",
    "test_odd.py::test_ümlaut": "passed",
}


def test_odd_tests_have_plain_results(bench: Bench) -> None:
    report = bench.run(ODD, hash_seed=7, deleted=("gone.txt", "never.txt"))
    results = {outcome.test_id: outcome.result.value for outcome in report.outcomes}
    huge = [test_id for test_id in results if "xxx" in test_id]
    details = {outcome.test_id: outcome.detail for outcome in report.outcomes}

    assert (report.ending, report.complete, report.forged) == (Ending.EXITED, True, "")
    assert [(len(test_id), results.pop(test_id)) for test_id in huge] == [(500, "passed")]
    assert results == {f"tests/{name}": result for name, result in ODD_RESULTS.items()}
    assert [error.test_id for error in report.collect_errors] == ["tests/test_absent.py"]
    assert report.missing_modules == ("absent",)
    assert "0x…" in details["tests/test_odd.py::test_address"]


def with_body(body: str) -> dict[str, str]:
    head = "import os, pytest, signal, sys, time\n\n\ndef test_a():\n    pass\n\n\n"
    return {"tests/test_a.py": f"{head}def test_b():\n    {body}\n\n\ndef test_c():\n    pass\n"}


A = "tests/test_a.py::test_a"


@pytest.mark.parametrize(
    ("body", "ending", "complete"),
    [
        ("os._exit(0)", Ending.EXITED, ""),
        ("os.kill(os.getpid(), signal.SIGSEGV)", Ending.SIGNALLED, ""),
        ("os.closerange(3, 1024)", Ending.EXITED, ""),
        ("pytest.exit('enough')", Ending.EXITED, "complete"),
        ("raise KeyboardInterrupt", Ending.EXITED, "complete"),
        pytest.param("time.sleep(60)", Ending.TIMED_OUT, "", marks=pytest.mark.slow),
    ],
)
def test_what_ran_before_a_hard_end_is_kept(
    bench: Bench, body: str, ending: Ending, complete: str
) -> None:
    report = bench.run(with_body(body), limits=Limits(wall_s=6.0))

    assert (report.ending, report.complete) == (ending, bool(complete))
    assert [outcome.test_id for outcome in report.outcomes] == [A]
    assert report.forged == ("sentinel_missing" if complete else "")


def test_a_forked_child_that_goes_on_reports_nothing(bench: Bench) -> None:
    report = bench.run(with_body("os.fork() == 0 or os.wait()"))

    assert (report.complete, report.forged) == (True, "")
    assert {outcome.result for outcome in report.outcomes} == {TestResult.PASSED}
    assert len(report.outcomes) == 3


@pytest.mark.parametrize(
    ("path", "text", "missing"),
    [
        ("tests/conftest.py", "import absent\n", ("absent",)),
        ("tests/conftest.py", "raise SystemExit(0)\n", ()),
        ("pytest.ini", "[pytest]\naddopts = --unknown\n", ()),
        ("pytest.ini", "[pytest]\naddopts = -p absent\n", ("absent",)),
    ],
)
def test_a_session_that_cannot_start_is_told(
    bench: Bench, path: str, text: str, missing: tuple[str, ...]
) -> None:
    report = bench.run(with_body("pass") | {path: text})

    assert (report.complete, report.outcomes, report.forged) == (True, (), "")
    assert report.missing_modules == missing
    assert [error.test_id for error in report.collect_errors] == ["(session)"]


def test_an_empty_choice_runs_nothing(bench: Bench) -> None:
    report = bench.run(with_body("pass"), test_files=("tests/none.py",), sentinels=False)

    assert (report.complete, report.outcomes) == (True, ())
    assert [error.test_id for error in report.collect_errors] == ["tests/none.py"]


def test_collecting_runs_nothing(bench: Bench) -> None:
    report = bench.run(with_body("os._exit(1)"), collect_only=True)

    assert {outcome.result for outcome in report.outcomes} == {TestResult.SKIPPED}
    assert [outcome.test_id[-1] for outcome in report.outcomes] == ["a", "b", "c"]


def test_later_layers_win_and_nothing_stays_behind(bench: Bench) -> None:
    files = {"tests/test_a.py": "def test_a():\n    assert 0\n"}
    fixed = {"tests/test_a.py": "def test_a():\n    pass\n"}
    request = bench.request(files, files, fixed)

    assert bench.runner.run(request).outcomes[0].result is TestResult.PASSED
    assert [path.name for path in request.tree.rglob("*.py")] == ["test_a.py"]
    assert not list((bench.place / "scratch").iterdir())


ORDER = """\
import sys

SEEN = sys.__dict__.setdefault("seen", [])


def test_{0}1():
    SEEN.append("{0}1")
    raise ValueError(" ".join(SEEN))


def test_{0}2():
    SEEN.append("{0}2")
    raise ValueError(" ".join(SEEN))
"""


def test_the_seed_orders_files_and_tests_and_repeats(bench: Bench) -> None:
    files = {f"tests/test_{name}.py": ORDER.format(name) for name in "abc"}
    request = bench.request(files)
    seeds = [0, 1, 2, 1, 2]
    with ThreadPoolExecutor(4) as pool:
        reports = list(
            pool.map(bench.runner.run, [_seeded(request, order_seed) for order_seed in seeds])
        )
    orders = [max((each.detail for each in report.outcomes), key=len) for report in reports]

    assert orders[0] == "ValueError: a1 a2 b1 b2 c1 c2"
    assert len({*orders}) == 3
    assert reports[1:3] == reports[3:]


def _seeded(request: TestRunRequest, seed: int) -> TestRunRequest:
    return request.model_copy(update={"order_seed": seed})


def test_seed_zero_keeps_the_order_of_the_files() -> None:
    assert ordered(("b", "a", "b"), 0) == ["b", "a"]
    assert sorted(ordered(("b", "a"), 5)) == ["a", "b"]


def test_plugins_of_the_shim_are_loaded(bench: Bench) -> None:
    files = {
        "src/toy_plugin.py": "import pytest\n\n\n@pytest.fixture\ndef four():\n    return 4\n",
        "tests/test_a.py": "def test_four(four):\n    assert four == 4\n",
    }
    request = bench.request(files)
    points = "toy-1.0.dist-info/entry_points.txt"
    shim = (
        *request.environment.shim,
        TextFile(path=points, text="[pytest11]\ntoy = toy_plugin\n"),
    )
    environment = request.environment.model_copy(update={"shim": shim})
    report = bench.runner.run(request.model_copy(update={"environment": environment}))

    assert [outcome.result for outcome in report.outcomes] == [TestResult.PASSED]
