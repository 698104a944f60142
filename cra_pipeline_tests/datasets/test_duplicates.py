"""What says the same again is found under whatever name, and what differs stays."""

from __future__ import annotations

import random

import pytest

from cra_pipeline.datasets.duplicates import repeated
from cra_pipeline.datasets.near import NearPolicy, nearly_repeated, shingles, signature
from cra_pipeline_tests.datasets.rows import row
from cra_pipeline_tests.datasets.worlds import words

POLICY = NearPolicy()


@pytest.mark.parametrize(
    ("second", "reason"),
    [
        (row("b", prompt_key=b"p", text_key=b"t", repo="fork"), "duplicate"),
        (row("b", prompt_key=b"p", text_key=b"other"), ""),
        (row("b", prompt_key=b"p", text_key=b"t", patch_id="x"), "duplicate"),
        (row("b", patch_id="change", sha="2" * 40), "same_change"),
        (row("b", patch_id="change", sha="1" * 40), ""),
        (row("b", patch_id="change", sha="1" * 40, repo="fork"), "same_change"),
        (row("b", patch_id="", sha="2" * 40), ""),
    ],
)
def test_a_second_row_is_judged_by_the_first(second: object, reason: str) -> None:
    first = row("a", prompt_key=b"p", text_key=b"t", patch_id="change", sha="1" * 40)

    assert repeated([first, second]) == ({"b": reason} if reason else {})  # type: ignore[list-item]  # rows


def test_a_question_with_both_answers_is_trusted_in_neither() -> None:
    rows = [
        row("a", prompt_key=b"p", verdict=True, call_kind="scope"),
        row("b", prompt_key=b"p", verdict=False, call_kind="scope"),
    ]

    assert repeated(rows) == {"a": "contradicted", "b": "contradicted"}


def test_a_text_with_a_few_other_words_is_a_near_duplicate() -> None:
    text = words("one", 200)
    changed = " ".join([*text.split()[:-5], "and", "now", "for", "something", "else"])
    texts = [text, words("two", 200), changed]
    rows = [row(str(number)) for number in range(3)]

    assert nearly_repeated(rows, [signature(text, POLICY) for text in texts], POLICY) == {"2": "0"}


def test_questions_of_one_task_are_no_near_duplicates_but_those_of_two_are() -> None:
    text = words("one", 200)
    signatures = [signature(f"{text} {name}", POLICY) for name in ("a.py", "b.py", "c.py")]
    rows = [
        row("0", call_kind="scope", verdict=False, task_id="t1"),
        row("1", call_kind="scope", verdict=False, task_id="t1"),
        row("2", call_kind="scope", verdict=False, task_id="t2"),
    ]

    assert nearly_repeated(rows, signatures, POLICY) == {"2": "0"}


def test_nearly_all_pairs_that_are_nearly_equal_are_found() -> None:
    draw = random.Random(7)  # noqa: S311  # texts of a test
    texts: list[str] = []
    for number in range(150):
        original = words(f"text {number}", 120).split()
        changed = list(original)
        for _ in range(draw.randrange(8)):
            changed[draw.randrange(len(changed))] = "else"
        texts += [" ".join(original), " ".join(changed)]
    rows = [row(f"{number:03d}") for number in range(len(texts))]
    found = nearly_repeated(rows, [signature(text, POLICY) for text in texts], POLICY)
    near = {
        f"{place:03d}"
        for place in range(1, len(texts), 2)
        if jaccard(texts[place - 1], texts[place]) >= POLICY.jaccard
    }

    assert len(near) > 50
    assert len(near & set(found)) / len(near) >= 0.95
    assert all(
        jaccard(texts[int(name)], texts[int(other)]) >= POLICY.jaccard - 0.15
        for name, other in found.items()
    )


def jaccard(one: str, other: str) -> float:
    """Exactly."""
    first, second = shingles(one, POLICY.shingle), shingles(other, POLICY.shingle)
    return len(first & second) / len(first | second)
