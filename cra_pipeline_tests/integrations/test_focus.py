"""Only touched definitions stay in view, at their own lines."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from cra_pipeline.integrations.focus import focused

TEXT = """\
import os


class A(
    B
):
    def one(self):
        return 1

    @late
    def two(self):
        return 2
"""


def test_other_definitions_are_blanked_and_classes_stay_above_their_methods() -> None:
    view = focused(TEXT, [12])

    assert view == "\n\n\nclass _:\n\n\n\n\n\n    @late\n    def two(self):\n        return 2\n"


def test_a_text_whose_strings_would_be_cut_is_left_whole() -> None:
    text = 'def one():\n    return """\ndef two():\n    """\n'

    assert focused(text, [2]) == text


@given(st.text(alphabet="cdef as:@\n\t()\"'"), st.sets(st.integers(1, 30)))
def test_lines_keep_their_numbers(text: str, numbers: set[int]) -> None:
    view = focused(text, numbers).split("\n")
    lines = text.split("\n")

    assert len(view) == len(lines)
    assert all(view[n - 1] == lines[n - 1] for n in numbers if n <= len(lines))
