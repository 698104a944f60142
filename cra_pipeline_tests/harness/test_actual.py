"""What a change did is read from its texts."""

from __future__ import annotations

import pytest

from cra_pipeline.harness.actual import ActualChange, actual_change, changed_names, module_name

BEFORE = """import os

LIMIT = 1


class Cart:
    size = 1

    @property
    def total(self):
        def inner():
            return 1
        return inner()

    def clear(self):
        pass


if os.name:
    def parse():
        return 1
"""


@pytest.mark.parametrize(
    ("old", "new", "symbols"),
    [
        ("LIMIT = 1", "LIMIT = 2", set()),
        ("size = 1", "size = 2", {"Cart"}),
        ("    @property\n", "", {"Cart.total"}),
        ("            return 1\n", "            return 3\n", {"Cart.total"}),
        ("        pass", "        return 0", {"Cart.clear"}),
        ("    def parse():\n        return 1", "    def parse():\n        return 9", set()),
        ("def clear", "def empty", {"Cart.clear", "Cart.empty"}),
        (
            "    def clear(self):\n        pass\n",
            "    def clear(self):\n        pass\n\n    def pop(self):\n        pass\n",
            {"Cart.pop"},
        ),
        ("LIMIT = 1\n\n\nclass", "LIMIT = 1\n\nclass", set()),
    ],
)
def test_the_innermost_symbol_around_each_changed_line_counts(
    old: str, new: str, symbols: set[str]
) -> None:
    assert old in BEFORE
    assert changed_names(BEFORE, BEFORE.replace(old, new, 1))[0] == symbols


def test_a_text_that_does_not_parse_has_no_symbols() -> None:
    found = changed_names("print 'old'\ndef f(:\n", "def f():\n    pass\n")

    assert found == (frozenset({"f"}), frozenset())


def test_what_the_agent_does_not_index_is_kept_apart() -> None:
    after = BEFORE.replace("LIMIT = 1", "LIMIT: int = 2").replace("size = 1", "size = 2")
    after = after.replace("    def parse():", "    def parse(text):")

    assert changed_names(BEFORE, after) == (frozenset({"Cart"}), frozenset({"LIMIT", "parse"}))


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("src/pkg/mod.py", "pkg.mod"),
        ("pkg/mod.py", "pkg.mod"),
        ("src/pkg/__init__.py", "pkg"),
        ("till.py", "till"),
        ("pkg/src/mod.py", "pkg.src.mod"),
    ],
)
def test_a_module_is_imported_by_its_path_without_src(path: str, name: str) -> None:
    assert module_name(path) == name


@pytest.mark.parametrize(
    ("importer", "line"),
    [
        ("src/pkg/b.py", "from .a import x"),
        ("src/pkg/b.py", "from . import a"),
        ("src/pkg/b.py", "import pkg.a as other"),
        ("src/pkg/b.py", "from pkg import a"),
        ("src/pkg/sub/c.py", "from ..a import x"),
        ("src/pkg/sub/__init__.py", "from ..a import x"),
        ("src/pkg/__init__.py", "from .a import x"),
        ("tests/test_a.py", "def test_it():\n    from pkg.a import x"),
    ],
)
def test_a_changed_file_depends_on_the_changed_files_that_it_imports(
    importer: str, line: str
) -> None:
    others = {"src/pkg/z.py": "y = 1\n"}
    before = {"src/pkg/a.py": "x = 1\n", importer: "", "src/pkg/z.py": "y = 1\n"}
    found = actual_change(before, {"src/pkg/a.py": "x = 2\n", importer: f"{line}\n", **others})

    assert found.dependencies == {("src/pkg/a.py", importer)}
    assert found.files == {"src/pkg/a.py", importer}


def test_a_module_is_meant_before_its_package() -> None:
    after = {
        "pkg/__init__.py": "from .a import x\n",
        "pkg/a.py": "x = 1\n",
        "pkg/b.py": "from pkg import a, y\n",
    }

    assert actual_change({}, after).dependencies == {
        ("pkg/a.py", "pkg/__init__.py"),
        ("pkg/a.py", "pkg/b.py"),
        ("pkg/__init__.py", "pkg/b.py"),
    }


def test_documents_are_left_out_and_deleted_files_counted() -> None:
    before = {"README.md": "a\n", "a.py": "def f():\n    pass\n", "same.py": "x = 1\n"}
    after = {"README.md": "b\n", "data.toml": "x = 1\n", "same.py": "x = 1\n"}

    assert actual_change(before, after) == ActualChange(
        files=frozenset({"a.py", "data.toml"}),
        symbols=frozenset({("a.py", "f")}),
        dependencies=frozenset(),
    )
