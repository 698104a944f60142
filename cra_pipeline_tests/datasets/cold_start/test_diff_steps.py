"""Diffs without file headers are applied exactly or not at all."""

from __future__ import annotations

import difflib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cra_pipeline.datasets.cold_start.diff_steps import patched
from cra_pipeline.diffs import lines_of

texts = st.lists(st.sampled_from("abcd"), max_size=8).map(
    lambda lines: "".join(f"{line}\n" for line in lines)
)


@given(texts, texts, st.integers(0, 3))
def test_a_diff_leads_to_the_text_that_it_was_made_of(old: str, new: str, context: int) -> None:
    hunks = list(difflib.unified_diff(lines_of(old), lines_of(new), n=context))[2:]

    assert patched(old, "".join(line if line[-1] == "\n" else f"{line}\n" for line in hunks)) == new


def test_a_diff_of_another_text_is_refused() -> None:
    with pytest.raises(ValueError, match="does not fit"):
        patched("a\n", "@@ -1 +1 @@\n-b\n+c")
