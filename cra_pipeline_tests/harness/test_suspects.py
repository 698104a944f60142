"""Which modules, tests and faults a tests-only commit is about."""

from __future__ import annotations

from cra_pipeline.harness.suspects import changed_functions, modules_under_test, suspects
from cra_pipeline_tests.harness.benches import SOURCE

CODE = "def f():\n    return 1\n\n\ndef g():\n    return 5\n"


def test_modules_are_found_by_import_and_by_the_names_that_a_package_hands_on() -> None:
    sources = {
        "src/pkg/__init__.py": "from pkg._impl import work\n",
        "src/pkg/_impl.py": "def work():\n    return 1\n",
        "src/pkg/other.py": "def play():\n    return 1\n",
        "src/pkg/named.py": "x = 1\n",
        "setup.py": "from setuptools import setup\n",
    }
    tests = ["from pkg import work\nimport pkg.named\n"]

    assert modules_under_test(tests, sources, ["src"]) == (
        "src/pkg/__init__.py",
        "src/pkg/_impl.py",
        "src/pkg/named.py",
    )


def test_only_functions_whose_code_changed_are_new() -> None:
    old = "def test_a():\n    assert 1\n\n\nclass TestB:\n    def test_c(self):\n        assert 2\n"
    new = old.replace("assert 2", "assert 3") + "\n\ndef test_d():\n    pass\n# a comment\n"

    assert set(changed_functions(old, new)) == {"TestB::test_c", "test_d"}
    assert set(changed_functions("", new)) == {"test_a", "TestB::test_c", "test_d"}
    assert changed_functions(old, "no Python (") == {}


def test_faults_in_the_functions_that_new_tests_name_come_first() -> None:
    found = suspects({SOURCE: CODE}, ["assert f() == 1"], limit=3, seed="s")

    assert [item.name.split(":")[1] for item in found[:2]] == ["2", "2"]
    assert len({item.name for item in found}) == len(found) == 3
    assert found == suspects({SOURCE: CODE}, ["assert f() == 1"], limit=3, seed="s")
