"""Descriptions of files, from the snapshot alone."""

from __future__ import annotations

import inspect
import json

from hypothesis import given
from hypothesis import strategies as st

from cra_pipeline.gold import metadata
from cra_pipeline.gold.metadata import describe

_TEXT = (
    '"""Keeps boxes closed.\n\nMore."""\n\n\nclass LidKeeper:\n    """A keeper."""\n\n'
    "    def close_lid(self):\n        return hinges\n\n\ndef _hidden():\n    pass\n"
)


def test_a_description_tells_what_the_snapshot_says() -> None:
    found = describe("src/boxes/_lids.py", _TEXT)

    assert found.purpose == "Keeps boxes closed."
    assert found.module == "boxes._lids"
    assert found.domain == "lids"
    assert json.loads(found.public_api_surface) == ["LidKeeper", "close_lid"]
    assert {"boxes", "lids", "keeper", "close", "hinges"} <= set(json.loads(found.concepts))


def test_tests_are_of_the_domain_testing() -> None:
    assert describe("tests/test_lids.py", "x = 1\n").domain == "testing"


@given(st.text(max_size=300), st.sampled_from(["a.py", "src/pkg/__init__.py", "__init__.py"]))
def test_any_text_is_described_within_bounds(text: str, path: str) -> None:
    found = describe(path, text)

    assert found.purpose
    assert found.domain
    assert len(found.purpose) <= 160
    assert len(found.concepts) <= 2_600
    assert all(word == word.lower() for word in json.loads(found.concepts))


def test_a_description_cannot_see_a_change() -> None:
    assert list(inspect.signature(describe).parameters) == ["path", "text"]
    assert not {"diffs", "change", "book"} & set(vars(metadata))


def test_a_long_file_keeps_its_most_used_words() -> None:
    words = [f"word{chr(97 + first)}{chr(97 + last)}" for first in range(26) for last in range(26)]
    text = "\n".join([*words, "wordzz wordzz", "return while"])
    found = describe("a.py", text)

    assert len(found.concepts) <= 2_600
    assert "wordzz" in found.concepts
    assert not {"return", "while"} & set(json.loads(found.concepts))
