"""Imports among changed files, and an order that follows them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cra_pipeline.gold.imports import imported, in_order, joined

_AMONG = ("src/pkg/__init__.py", "src/pkg/a.py", "src/pkg/sub/b.py", "flat.py")


@pytest.mark.parametrize(
    ("path", "text", "expected"),
    [
        ("tests/t.py", "import pkg.a", {"src/pkg/a.py"}),
        ("tests/t.py", "from pkg import a, other", {"src/pkg/__init__.py", "src/pkg/a.py"}),
        ("tests/t.py", "def f():\n    import flat", {"flat.py"}),
        ("src/pkg/a.py", "from .sub.b import x", {"src/pkg/sub/b.py"}),
        ("src/pkg/sub/b.py", "from .. import a", {"src/pkg/__init__.py", "src/pkg/a.py"}),
        ("src/pkg/sub/b.py", "from ..a import x", {"src/pkg/a.py"}),
        ("src/pkg/a.py", "from pkg.a import x", set()),
        ("flat.py", "import pkgs", set()),
        ("flat.py", "import pkg.a as", set()),
    ],
)
def test_imports_are_resolved_among_the_given_files(
    path: str, text: str, expected: set[str]
) -> None:
    assert imported(path, text, _AMONG) == expected


def test_providers_come_first_and_packages_last() -> None:
    needs = {
        "p/__init__.py": frozenset({"p/b.py"}),
        "p/a.py": frozenset({"p/b.py", "p/__init__.py"}),
        "p/b.py": frozenset[str](),
    }

    assert in_order(needs) == ("p/b.py", "p/a.py", "p/__init__.py")


@given(st.dictionaries(st.sampled_from("abcd"), st.frozensets(st.sampled_from("abcd"))))
def test_every_file_has_its_place_even_in_cycles(needs: dict[str, frozenset[str]]) -> None:
    assert sorted(in_order(needs)) == sorted(needs)


@given(st.lists(st.lists(st.sampled_from("abcdef"), min_size=1, max_size=3)))
def test_groups_that_share_a_member_are_one(groups: list[list[str]]) -> None:
    found = joined(groups)

    assert sorted(path for group in found for path in group) == sorted(
        {*"".join(map("".join, groups))}
    )
    assert all(any(set(group) <= set(whole) for whole in found) for group in groups)
