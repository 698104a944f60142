"""What the head of a message is taken for."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cra_pipeline.commits.message import (
    bare_head,
    imperative_fault,
    merge_sign,
    vague_sign,
    word_count,
)

VERB_INITIAL = [
    "Add support for links",
    "Fixed a crash on empty input",
    "Fixes the parser",
    "Adding a cache to the reader",
    "Wrote the missing half of the parser",
    "Don't crash on None",
    "No longer raise on empty input",
    "Properly handle nested unions",
    "Also handle bytes in paths",
    "Apply the default twice",
    "fix: handle empty input",
    "feat(parser)!: support unions",
    "[area] Make the parser faster",
    "mypy daemon: report the port",
    "BUGFIX : Fixed escaping of keys",
    "GH-12: Fix a crash (#33)",
    "#12 Fix a crash",
    ":bug: Fix a crash",
    "\N{SPARKLES} Add a cache",
    "Clean-up the reader",
    "Re-enable the cache",
    "Special-case empty unions",
    "Work around a bug in pip",
    "Test that links work",
    "Format with black",
    "Support files with mixed newlines",
    "Release the lock before waiting",
    "Check for cycles in the graph",
    "Fix a crash: the parser forgets its state",
]

NOUN_INITIAL = [
    "Support for links",
    "Cache fixes for the reader",
    "Tests for the parser",
    "Changes to the reader",
    "Fix for broken links",
    "Fixes for Python 3.14",
    "Typing fixes in parser",
    "Test fixes for the parser",
    "Parser rewrite for speed",
    "Type annotations for the reader",
    "Nested classes in unions",
    "fix: memory leak in reader",
    "New repr for models",
    "Better error messages",
    "Missing comma in list",
    "`beartype.vale` x 3",
    "",
]


@pytest.mark.parametrize("message", VERB_INITIAL)
def test_a_message_that_opens_with_a_verb_is_imperative(message: str) -> None:
    fault = imperative_fault(message)

    assert not fault


@pytest.mark.parametrize("message", NOUN_INITIAL)
def test_a_message_that_opens_with_a_noun_is_not(message: str) -> None:
    fault = imperative_fault(message)

    assert fault


@pytest.mark.parametrize(
    ("message", "head"),
    [
        ("fix(x): handle it (#12)", "handle it"),
        ("[a] [b] Do it.", "Do it"),
        ("\n\n  Do it\nbody", "Do it"),
        ("Fix a bug: the rest", "Fix a bug: the rest"),
        ("PATCH : REFACTOR : Renamed it", "Renamed it"),
        ("fix:", "fix"),
    ],
)
def test_prefixes_and_references_are_no_part_of_the_sentence(message: str, head: str) -> None:
    bare = bare_head(message)

    assert bare == head


@pytest.mark.parametrize(
    ("message", "count"),
    [
        ("Fix it", 2),
        ("fix: it", 1),
        ("Fix it (#12)", 2),
        ("Fix it\n\nIt was broken", 5),
        ("Fix it\n\nSigned-off-by: A B <a@b>", 2),
        ("Fix it https://example.org/a/b", 2),
        ("Use 3.12 and 3.13", 2),
        ("", 0),
    ],
)
def test_words_are_counted_without_what_is_no_sentence(message: str, count: int) -> None:
    words = word_count(message)

    assert words == count


@pytest.mark.parametrize(
    "message",
    [
        "WIP: new parser for links",
        "wip on the parser",
        "tmp commit of parser",
        "fixup! Add a parser",
        "misc fixes in parser",
        "Update parser.py",
        "Fix the bug",
        "More small fixes",
        "Address review comments",
    ],
)
def test_a_message_that_asks_for_nothing_is_vague(message: str) -> None:
    sign = vague_sign(message)

    assert sign


@pytest.mark.parametrize(
    "message",
    [
        "Wipe the cache on exit",
        "Draft for the stable style",
        "misc: run the formatter twice",
        "Delete scripts/migrate.py",
        "Add Index.items",
        "Update parser to handle links",
        "Temper the retry loop",
    ],
)
def test_a_message_that_names_its_object_is_not_vague(message: str) -> None:
    sign = vague_sign(message)

    assert not sign


@pytest.mark.parametrize(
    ("message", "merged"),
    [
        ("Merge pull request #1 from a/b", True),
        ("Merge branch 'x'", True),
        ("Merged x into y", True),
        ("Merge adjacent string literals", False),
        ("Merge sorted lists faster", False),
    ],
)
def test_flattened_merges_are_told_from_the_verb(message: str, *, merged: bool) -> None:
    sign = merge_sign(message)

    assert bool(sign) == merged


@given(st.text())
def test_any_text_can_be_judged(message: str) -> None:
    head = bare_head(message)

    assert head in message.replace("\n", " ") or head
    assert word_count(message) >= 0
    assert isinstance(imperative_fault(message) + vague_sign(message), str)


@given(st.sampled_from(VERB_INITIAL), st.sampled_from(["", " (#12)", " [skip]", "\n\nMore."]))
def test_what_follows_the_sentence_changes_nothing(message: str, rest: str) -> None:
    fault = imperative_fault(message + rest)

    assert not fault
