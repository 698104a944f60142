"""Definitions and words of text that may not be Python."""

from __future__ import annotations

import pytest

from cra_pipeline.gold.syntax import Definition, definitions, innermost, parsed, telling_words

_TEXT = "LIMIT = 1\n\n@wrap\nclass Box:\n    def open(self):\n        pass\n"


def test_definitions_hold_their_decorators_and_methods() -> None:
    assert definitions(_TEXT) == (
        Definition("LIMIT", 1, 1),
        Definition("Box", 3, 6),
        Definition("open", 5, 6),
    )


def test_the_innermost_definition_is_found() -> None:
    known = definitions(_TEXT)

    assert [found.name if (found := innermost(known, line)) else "" for line in range(1, 7)] == [
        "LIMIT", "", "Box", "Box", "open", "open",
    ]  # fmt: skip


@pytest.mark.parametrize("text", ["def (", "print 'old'", "x = \0", "(" * 300])
def test_what_does_not_parse_has_no_tree(text: str) -> None:
    assert parsed(text) is None
    assert definitions(text) == ()


def test_old_escapes_warn_nobody() -> None:
    assert parsed("x = '\\d'") is not None


def test_only_long_identifiers_tell() -> None:
    assert telling_words(["def open_box(a): chunk"]) == {"open_box", "chunk"}
