"""Identifiers fall into words."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cra_pipeline.ranking.words import parts, query, words


@pytest.mark.parametrize(
    ("identifier", "expected"),
    [
        ("parse", ("parse",)),
        ("parse_lines", ("parse", "line", "parse_line")),
        ("HTTPServer", ("http", "server", "httpserver")),
        ("loggers", ("logger",)),
        ("class", ("class",)),
        ("bus", ("bus",)),
        ("_x", ()),
    ],
)
def test_an_identifier_falls_into_its_words(identifier: str, expected: tuple[str, ...]) -> None:
    assert parts(identifier) == expected


def test_a_query_is_sorted_and_leaves_out_what_says_nothing() -> None:
    assert query("Fix the parser of the Logger in loggers") == ("logger", "parser")


@given(st.text(alphabet="abC_ x1", max_size=40), st.text(alphabet="abC_ x1", max_size=40))
def test_words_of_two_texts_add_up(one: str, other: str) -> None:
    assert words(f"{one}\n{other}") == words(one) + words(other)
