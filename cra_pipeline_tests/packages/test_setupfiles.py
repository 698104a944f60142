"""``setup.py`` is parsed and never executed."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cra_pipeline.packages.setupfiles import read_config, section, setup_keywords, text_list


def test_nothing_of_a_setup_file_is_executed(tmp_path: Path) -> None:
    trace = tmp_path / "trace"
    text = f"open({str(trace)!r}, 'w').write('x')\nfrom setuptools import setup\nsetup(name='a')"

    assert setup_keywords(text) == {"name": "a"}
    assert not trace.exists()


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("NEEDS = ['a']\nsetup(install_requires=NEEDS + ['b'])", ["a", "b"]),
        ("setuptools.setup(install_requires=['a', read('x'), 'b'])", ["a", "b"]),
        ("W = dict(install_requires=('a',))\nsetup(**W)", ["a"]),
        ("setup(install_requires=open('r').read().split() + ['b'])", ["b"]),
        ("if True:\n    N = ['a']\nsetup(install_requires=[*N, 'b'])", ["a", "b"]),
    ],
)
def test_literals_names_and_sums_are_evaluated(text: str, expected: list[str]) -> None:
    assert text_list(setup_keywords(text)["install_requires"]) == expected


@pytest.mark.parametrize("text", ["setup(", "\0", "print('no setup')", "setup()"])
def test_what_cannot_be_read_says_nothing(text: str) -> None:
    assert setup_keywords(text) == {}


def test_an_ini_file_keeps_the_case_of_names() -> None:
    parser = read_config("[a]\nKey = 1\n")

    assert section(parser, "a") == {"Key": "1"}
    assert section(parser, "b") == {}


@given(st.text())
def test_any_text_can_be_read(text: str) -> None:
    assert isinstance(setup_keywords(text), dict)
    assert read_config(text) is not None
