"""A commit's two sides, and files as text and back."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cra_pipeline.diffs import Blob, TreeChange
from cra_pipeline.harness.problem import blob_like, reviewed, split_change, text_of, texts_of
from cra_pipeline_tests.harness.benches import blob


def change_of(*paths: str) -> TreeChange:
    return TreeChange({}, {path: blob(path) for path in paths})


def test_tests_their_data_and_settings_are_hidden_and_the_rest_is_gold() -> None:
    gold, hidden = split_change(
        change_of("pkg/a.py", "NEWS.md", "tests/data.json", "tests/test_a.py", "tox.ini", "odd.py"),
        {"odd.py"},
    )

    assert gold.paths == ("NEWS.md", "pkg/a.py")
    assert hidden.paths == ("odd.py", "tests/data.json", "tests/test_a.py", "tox.ini")


def test_an_agents_own_tests_are_not_held_against_it_but_steering_files_are() -> None:
    steering = ("conftest.py", "tests/conftest.py", "pytest.ini", "sitecustomize.py", "x.pth")
    kept = reviewed(change_of("pkg/a.py", "tests/test_mine.py", "tests/data.json", *steering))

    assert set(kept.paths) == {"pkg/a.py", *steering}


@given(st.binary(max_size=40).filter(lambda content: b"\0" not in content))
def test_text_goes_back_to_the_bytes_it_came_from(content: bytes) -> None:
    old = Blob("100755", content)

    assert blob_like(text_of(old), old) == old


def test_a_latin1_file_stays_one_while_it_can() -> None:
    old = Blob("100644", b"# caf\xe9\n")

    assert blob_like("# thé\n", old).content == b"# th\xe9\n"
    assert blob_like("# 漢\n", old).content == "# 漢\n".encode()
    assert blob_like("# coding: latin-1\n# thé\n", None).content.endswith(b"th\xe9\n")
    assert blob_like("#!x\n# -*- coding: cp1252 -*-\né", None).content.endswith(b"\xe9")
    assert blob_like("# coding: utf-8\né", None).content.endswith("é".encode())
    assert blob_like("\n\n# coding: latin-1\né", None).content.endswith("é".encode())
    assert blob_like("# thé\n", None) == Blob("100644", "# thé\n".encode())


@pytest.mark.parametrize(
    "content",
    [
        b"# -*- coding: latin-1 -*-\nTEA = 'th\xe9'\n",
        b"#!/usr/bin/python\n# vim: set fileencoding=iso-8859-15 :\nTEA = 'th\xe9'\n",
        "# -*- coding: utf-8 -*-\nTEA = 'thé'\n".encode(),
        "# a note on coding\nTEA = 'thé'\n".encode(),
    ],
)
def test_a_new_file_keeps_the_bytes_that_it_declares(content: bytes) -> None:
    new = Blob("100644", content)

    assert blob_like(text_of(new), None) == new


@pytest.mark.parametrize(
    "odd", [Blob("120000", b"a"), Blob("160000", b""), Blob("100644", b"\0\1")]
)
def test_what_is_no_text_is_named(odd: Blob) -> None:
    with pytest.raises(ValueError, match=r"logo\.png"):
        texts_of({"a.py": blob("x"), "logo.png": odd})
