"""Inflected forms, by spelling rule."""

from __future__ import annotations

import pytest

from cra_pipeline.commits.verbs import BASE, PAST, PROGRESSIVE, THIRD_PERSON


@pytest.mark.parametrize(
    ("base", "third", "past", "progressive"),
    [
        ("add", "adds", "added", "adding"),
        ("fix", "fixes", "fixed", "fixing"),
        ("apply", "applies", "applied", "applying"),
        ("drop", "drops", "dropped", "dropping"),
        ("use", "uses", "used", "using"),
        ("catch", "catches", "caught", "catching"),
        ("make", "makes", "made", "making"),
        ("write", "writes", "wrote", "writing"),
    ],
)
def test_verbs_inflect(base: str, third: str, past: str, progressive: str) -> None:

    assert base in BASE
    assert third in THIRD_PERSON
    assert past in PAST
    assert progressive in PROGRESSIVE


def test_the_lexicon_holds_lower_case_words_only() -> None:
    odd = [verb for verb in BASE if verb != verb.lower() or " " in verb]

    assert not odd
    assert len(BASE) > 700
