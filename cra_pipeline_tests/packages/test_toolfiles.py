"""What tox and nox would install is read without running them."""

from __future__ import annotations

from cra_pipeline.packages.toolfiles import read_nox, read_tox, read_tox_table


def test_tox_lines_of_chores_are_left_out() -> None:
    needs = read_tox(
        "[testenv]\ndeps =\n  pytest\n  docs: sphinx\n  py38: old\n  -r more.txt\nextras = tests\n"
        "[testenv:docs]\ndeps = furo\n[testenv:py-extra]\ndeps = extra\n"
    )

    assert needs.lines == ["pytest", "old", "extra"]
    assert needs.files == ["more.txt"]
    assert needs.extras == ["tests"]


def test_tox_in_pyproject_is_read_in_both_forms() -> None:
    old = read_tox_table({"legacy_tox_ini": "[testenv]\ndeps = a\n"})
    new = read_tox_table({"env_run_base": {"deps": ["a", "-r b.txt"], "dependency_groups": ["t"]}})

    assert old.lines == ["a"]
    assert (new.lines, new.files, new.groups) == (["a"], ["b.txt"], ["t"])


def test_nox_sessions_that_are_no_chores_are_read() -> None:
    needs = read_nox(
        "P = 'pytest'\ndef tests(session):\n    session.install(P, 'b', '-e', '.[x,y]')\n"
        "    session.install('-r', 'r.txt')\n"
        "def docs(session):\n    session.install('sphinx')\n"
    )

    assert needs.lines == ["pytest", "b"]
    assert needs.files == ["r.txt"]
    assert needs.extras == ["x", "y"]


def test_a_damaged_noxfile_says_nothing() -> None:
    assert read_nox("def (").lines == []
