"""What is read of a source file."""

from __future__ import annotations

import pytest

from cra_pipeline.ranking.sources import DEFINED, PATH_WEIGHT, is_source, mentions, source_file

TEXT = '''"""Docstring with secretword."""
import os

LIMIT = 3
__all__ = ["Parser"]


class Parser:
    def read_line(self):  # commentword
        return read_line(os)


def load(): ...
'''


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("src/package/module.py", True),
        ("package/__init__.py", True),
        ("tests/test_module.py", False),
        ("package/test_module.py", False),
        ("setup.py", False),
        ("docs/conf.py", False),
        ("package/data.json", False),
    ],
)
def test_tests_and_scaffolding_are_no_source(path: str, *, expected: bool) -> None:
    assert is_source(path) is expected


def test_definitions_come_before_variables_and_dunders_are_left_out() -> None:
    assert source_file("a.py", TEXT).defines == ("Parser", "load", "LIMIT")


def test_comments_and_docstrings_do_not_count_and_the_path_does() -> None:
    found = source_file("pkg/reader.py", TEXT)

    assert "secretword" not in found.counts
    assert "commentword" not in found.counts
    assert found.counts["reader"] == PATH_WEIGHT
    assert found.length == sum(found.counts.values())


def test_mentions_are_the_identifiers_that_hold_a_wanted_word() -> None:
    found = source_file("a.py", TEXT)

    assert mentions(found, ["parser", "line", "absent"], most=9) == ("Parser", "read_line")
    assert mentions(found, ["parser", "line"], most=1) == ("Parser",)


def test_no_more_names_than_a_prompt_can_hold() -> None:
    text = "".join(f"def f{number}(): ...\n" for number in range(2 * DEFINED))

    assert len(source_file("a.py", text).defines) == DEFINED
