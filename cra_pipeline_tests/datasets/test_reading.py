"""What is read is drawn by chance, and what a person says is kept."""

from __future__ import annotations

import html
import json
import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cra_pipeline.contracts.datasets import CandidateRow, DatasetManifest
from cra_pipeline.contracts.reading import ReadingMarks
from cra_pipeline.datasets.reading import ReadingPolicy, drawn, merged, page, unmarked
from cra_pipeline_tests.contracts.regenerate import example

MANIFEST = example(DatasetManifest)
POLICY = ReadingPolicy()


def rows(count: int) -> list[CandidateRow]:
    found = example(CandidateRow)
    assert isinstance(found, CandidateRow)
    return [found.model_copy(update={"example_id": f"row{number}"}) for number in range(count)]


def sheet(*said: str) -> ReadingMarks:
    assert isinstance(MANIFEST, DatasetManifest)
    blank = unmarked(MANIFEST, rows(3), POLICY)
    marks = [
        mark.model_copy(update={"verdict": verdict, "note": verdict and f"says {verdict}"})
        for mark, verdict in zip(blank.marks, said or ("", "", ""), strict=True)
    ]
    return blank.model_copy(update={"marks": tuple(marks)})


def test_the_draw_ignores_the_order_of_the_file() -> None:
    assert drawn(rows(50), POLICY) == drawn(rows(50)[::-1], POLICY)
    assert len(drawn(rows(50), POLICY)) == 20
    assert len(drawn(rows(3), POLICY)) == 3


def test_another_seed_draws_other_rows() -> None:
    assert {*drawn(rows(50), POLICY)} != {*drawn(rows(50), ReadingPolicy(seed=1))}


def test_marks_are_kept_until_the_row_is_marked_again() -> None:
    both = merged(merged(sheet(), sheet("good", "", "bad")), sheet("", "unsure", "good"))

    assert [mark.verdict for mark in both.marks] == ["good", "unsure", "good"]
    assert (both.read(), both.said("good"), both.marks[0].note) == (3, 2, "says good")


@pytest.mark.parametrize(
    ("field", "value"),
    [("content_id", "other"), ("round", "r09"), ("form", "dpo"), ("seed", 3)],
)
def test_marks_of_another_sheet_are_refused(field: str, value: object) -> None:
    with pytest.raises(ValueError, match=f"another sheet: {field}"):
        merged(sheet(), sheet("good", "", "").model_copy(update={field: value}))


def test_marks_of_rows_that_are_not_on_the_sheet_are_refused() -> None:
    strange = sheet().marks[0].model_copy(update={"example_id": "stranger"})

    with pytest.raises(ValueError, match="stranger: not one of the sheet's 3 rows"):
        merged(sheet(), sheet().model_copy(update={"marks": (strange,)}))


HOSTILE = (
    "</pre></script><script>alert(1)</script><img src=x onerror=alert(1)>{{ 7 * 7 }} 'q' \"q\""
)


def test_texts_of_rows_are_shown_and_never_run() -> None:
    assert isinstance(MANIFEST, DatasetManifest)
    row = rows(1)[0].model_copy(
        update={"prompt": HOSTILE, "system": HOSTILE, "answers": (HOSTILE,)}
    )
    marks = unmarked(MANIFEST, [row], POLICY)
    noted = marks.model_copy(
        update={"marks": (marks.marks[0].model_copy(update={"note": HOSTILE}),)}
    )
    text = page(MANIFEST, [row], noted)

    assert text.count("<script") == 2
    assert "<img" not in text
    assert (
        text.count(str(html.escape(HOSTILE).replace("&#x27;", "&#39;").replace("&quot;", "&#34;")))
        == 4
    )


def test_the_page_asks_for_nothing_from_outside() -> None:
    assert isinstance(MANIFEST, DatasetManifest)
    text = page(MANIFEST, rows(2), unmarked(MANIFEST, rows(2), POLICY))

    assert "default-src 'none'" in text
    assert not re.search(r"<[^>]+\s(?:src|href|action)=|@import|url\(|https?://|fetch", text)


@given(st.text(st.characters(exclude_characters="\r\x00", exclude_categories=["Cs"])))
@settings(max_examples=20, deadline=None)
def test_the_page_holds_each_text_whole(text: str) -> None:
    assert isinstance(MANIFEST, DatasetManifest)
    row = rows(1)[0].model_copy(update={"prompt": text})
    shown = re.findall(
        r"<h3>Prompt</h3>\n<pre>\n(.*?)</pre>",
        page(MANIFEST, [row], unmarked(MANIFEST, [row], POLICY)),
        re.DOTALL,
    )

    assert [html.unescape(found) for found in shown] == [text]


def test_the_marks_in_the_page_are_the_sheets() -> None:
    assert isinstance(MANIFEST, DatasetManifest)
    marks = sheet("good", "", "bad")
    text = page(MANIFEST, rows(3), marks)
    found = re.search(r'type="application/json">(.*?)</script>', text)

    assert found
    assert json.loads(found[1]) == marks.model_dump(mode="json")
    assert text.count(" checked") == 2
