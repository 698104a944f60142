"""Edits of documentation, and those that only pretend."""

from __future__ import annotations

import pytest

from cra_pipeline.gold.documentation import code_of, documents
from cra_pipeline.gold.edits import Edit

_OLD = '"""Ümläut."""\n\n\ndef one(x):  # why\n    """Does."""\n    return "text"  # because\n'
_PROMPT = "<environment>\n</environment>\n\n# File: a.py\n<code>"


@pytest.mark.parametrize(
    ("search", "replacement", "verdict"),
    [
        ('"""Does."""', '"""Does it.\n\n    At once.\n    """', "accepted"),
        ("# because", "# for this reason", "accepted"),
        ("\n\n\ndef", "\n\n\n# A remark.\ndef", "accepted"),
        ('"text"', '"other"', "refused"),
        ("return", "return not", "refused"),
        ("gone", "x", "refused"),
        ('"""Does."""', '"""Does', "refused"),
    ],
)
def test_only_comments_and_docstrings_may_change(
    search: str, replacement: str, verdict: str
) -> None:
    accepted = documents(_PROMPT, {"a.py": _OLD}, [Edit("a.py", search, replacement)])

    assert accepted == (verdict == "accepted")


def test_a_prompt_about_no_known_file_documents_nothing() -> None:
    assert not documents("hello", {"a.py": _OLD}, [])
    assert not documents(_PROMPT, {"b.py": _OLD}, [])


def test_code_is_what_neither_comment_nor_docstring_is() -> None:
    assert code_of(_OLD) == ("def one(x):", '    return "text"')
    assert code_of("def (") is None
