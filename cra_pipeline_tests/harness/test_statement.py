"""A statement keeps the wish and loses every pointer to the answer."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cra_pipeline.harness.statement import FALLBACK, statement


@pytest.mark.parametrize(
    ("message", "expected"),
    [
        ("Fix crash in protocol check (#551)\n", "Fix crash in protocol check"),
        ("Freshen loose objects (#2340) (#2341)", "Freshen loose objects"),
        ("fix: keep the order (fixes #161)", "fix: keep the order"),
        ("Apply a LIMIT 1 on scalar(), fixes #3068", "Apply a LIMIT 1 on scalar()"),
        ("Better fix for #2871, fixes #2872.", "Better fix for."),
        ("Add x\n\nresolves #789, #715\n", "Add x"),
        ("Add x\n\nFixes: #1\nRefs: GH-12\n", "Add x"),
        ("Add x\n\nBody.\n\nSigned-off-by: A <a@b.c>\nCo-Authored-By: B <b@c.d>", "Add x\n\nBody."),
        ("Add x\n\n---------\n\nReviewed-by: C", "Add x"),
        ("Add x\n\n(cherry picked from commit 0123456789abcdef)", "Add x"),
        ("Reverts 09a1f78ca and escapes quotes.", "Reverts and escapes quotes."),
        ("See https://example.org/a?b#c for more", "See for more"),
        ("Follow [the guide](https://example.org) here", "Follow the guide here"),
        ("Fix python/mypy#12 and GH-7 at last", "Fix at last"),
        ("Note: the order counts", "Note: the order counts"),
        ("Issue: the cache is never emptied", "Issue: the cache is never emptied"),
        ("Use 1000000 rows and a deadline", "Use 1000000 rows and a deadline"),
        ("Add x\n\n* Keep\n    indented code\n* #12\n", "Add x\n\n* Keep\n    indented code"),
        ("Add x\r\n\r\nBody\r\n", "Add x\n\nBody"),
        ("issue #540: Fix spelling", "Fix spelling"),
        ("Undo commit 12345678 in full", "Undo commit in full"),
        ("Revert 1234567", "Revert"),
        ("Cherry-picked 0000123 to main", "Cherry-picked to main"),
        ("Restore what ABCDEF12 broke", "Restore what broke"),
        ("Keep the deadbeef marker", "Keep the deadbeef marker"),
        ("Add x, see github.com/a/b/pull/3", "Add x, see"),
        ("Add x from www.example.org/a now", "Add x from now"),
        ("bpo-99: Add x", "Add x"),
        ("Add x (!123)", "Add x"),
        ("Add x from PR12 and PR #13 and PR-14", "Add x from"),
        ("ABC-123 Add x", "Add x"),
        ("Read ISO-8601 and UTF-8 texts", "Read ISO-8601 and UTF-8 texts"),
        ("Add x\n\nAuthor: A B <a@b.c>", "Add x"),
        ("Add x\n\nPatch by: A B <a@b.c>", "Add x"),
        ("Add x\n\nReported by A B <a@b.c>", "Add x"),
        ("Add x\n\nCo authored by : A B", "Add x"),
        ("Add x\n\nGenerated with Some Tool", "Add x"),
        ("Ask a.b@example.org for x", "Ask for x"),
        ("Sort by: name first", "Sort by: name first"),
        ("#123", FALLBACK),
        ("", FALLBACK),
        ("https://example.org/1", FALLBACK),
    ],
)
def test_ids_links_and_trailers_go_and_the_rest_stays(message: str, expected: str) -> None:
    assert statement(message) == expected


fragments = st.sampled_from(
    [
        *("Fix", "the cache", "#1", "(#22)", "GH-3", "https://a.b/c", "0123abc", "\n", "\n\n", " "),
        *("fixes", "Signed-off-by: A <a@b.c>", "cherry picked from", "(", ")", "[x](y)", "# ", "1"),
        *("bpo-9", "!12", "PR12", "AB-3", "commit ", "1234567", "github.com/a/b", "a@b.cd", "by: "),
        *("<", ">", "issue 4", "and", ", ", "* ", "-----", "Co-authored-by: x", "a" * 3, "7f" * 20),
    ]
)
messages = st.lists(fragments | st.text(max_size=5), max_size=12).map("".join)


@given(messages)
def test_nothing_that_points_elsewhere_is_left(message: str) -> None:
    text = statement(message)

    assert text.strip() == text != ""
    assert "://" not in text
    assert not re.search(r"#\d|\bGH-\d", text, re.IGNORECASE)
    assert not re.search(r"^\s*(signed-off|co-authored)-by:", text, re.IGNORECASE | re.MULTILINE)
    assert "cherry picked from" not in text.lower()
    assert "github.com/" not in text.lower()
    assert not re.search(r"\bbpo-\d|\bPR\d|\bcommit \d{7,40}\b", text, re.IGNORECASE)
    assert not re.search(r"\b[a-z]+@[a-z]+\.[a-z]+\b", text, re.ASCII)
    for word in re.findall(r"\b[0-9a-f]{7,40}\b", text):
        assert word.isalpha() or (word.isdigit() and len(word) < 40)


@given(messages)
def test_a_statement_is_its_own_statement(message: str) -> None:
    assert statement(statement(message)) == statement(message)


@given(st.lists(st.sampled_from(["Keep", "all", "these", "words"]), min_size=1))
def test_plain_words_are_untouched(words: list[str]) -> None:
    assert statement(" ".join(words)) == " ".join(words)
