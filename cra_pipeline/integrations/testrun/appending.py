"""Sentinels at the end of the wanted test files themselves.

Pure. Planted files are of no use against who turns only the tests of one file green; a failing
test at that file's end is. A file that is in any way unusual stays as it is: a lost sentinel is
cheaper than a disturbed test.
"""

from __future__ import annotations

import ast
import random
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

from cra_pipeline.integrations.testrun import wordlist
from cra_pipeline.syntax import parse_python

Style = Literal["", "function", "method"]

_LONGEST_PATH = 300
_COOKIE = re.compile(rb"^[ \t\f]*#.*?coding[:=]", re.MULTILINE)
_UNUSUAL = re.compile(
    r"\b(pytestmark|__all__|__test__|load_tests|autouse|allow_module_level|globals|locals"
    r"|setup_module|setup_function|teardown_function|teardown_module|setUpModule"
    r"|tearDownModule|pytest_generate_tests|pytest_plugins|getsource|getmembers)\b"
)
_DEFINITIONS = ast.FunctionDef | ast.AsyncFunctionDef


@dataclass(frozen=True, slots=True, kw_only=True)
class Appended:
    """Wanted test files with a few tests more.

    Attributes:
        files: New text by path; the old one is its beginning.
        must_fail: Test ids of which none may pass.
        must_pass: Test ids that pass where anything in their file does.
    """

    files: Mapping[str, str]
    must_fail: frozenset[str]
    must_pass: frozenset[str]

    def owns(self, test_id: str) -> bool:
        """Whether an id is of an appended test, whatever parameters it was given."""
        return test_id.partition("[")[0] in self.must_fail | self.must_pass


NOTHING = Appended(files={}, must_fail=frozenset(), must_pass=frozenset())


def append(contents: Mapping[str, bytes], draw: random.Random) -> Appended:
    """Append one test that fails and one that passes to each plain file.

    Args:
        contents: The wanted files by path, as they will lie in the tree.
        draw: Its state is the secret.
    """
    files: dict[str, str] = {}
    must_fail: set[str] = set()
    must_pass: set[str] = set()
    for path, content in sorted(contents.items()):
        style = style_of(content) if _is_plain_path(path) else ""
        if not style:
            continue
        text = content.decode()
        group, bad, good = _names(text, draw)
        prefix = f"{path}::" if style == "function" else f"{path}::{group}::"
        must_fail.add(prefix + bad)
        must_pass.add(prefix + good)
        end = "" if text.endswith("\n") else "\n"
        files[path] = text + end + _tests(style, group, bad, good, draw)
    return Appended(files=files, must_fail=frozenset(must_fail), must_pass=frozenset(must_pass))


def _is_plain_path(path: str) -> bool:
    return path.endswith(".py") and path.isascii() and len(path) <= _LONGEST_PATH


@lru_cache(maxsize=512)
def style_of(content: bytes) -> Style:
    """How the file writes its tests, or empty where nothing should be appended."""
    if b"\r" in content or b"\f" in content or content.startswith(b"\xef\xbb\xbf"):
        return ""
    if _COOKIE.search(b"\n".join(content.split(b"\n", 2)[:2])):
        return ""
    try:
        text = content.decode()
        body = parse_python(text).body
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return ""
    if _UNUSUAL.search(text) or text.rstrip().endswith("\\"):
        return ""
    if any(isinstance(node, ast.FunctionDef) and node.name.startswith("test_") for node in body):
        return "function"
    return "method" if any(map(_holds_tests, body)) else ""


def _holds_tests(node: ast.stmt) -> bool:
    return isinstance(node, ast.ClassDef) and any(
        isinstance(each, _DEFINITIONS) and each.name.startswith("test") for each in node.body
    )


def _names(text: str, draw: random.Random) -> tuple[str, str, str]:
    """Names of a class and two tests that occur nowhere in the text."""
    while True:
        group = (
            f"Test{draw.choice(wordlist.ADJECTIVES).title()}{draw.choice(wordlist.NOUNS).title()}"
        )
        bad, good = (
            f"test_{noun}_{draw.choice(wordlist.ADJECTIVES)}_{draw.choice(wordlist.NOUNS)}"
            for noun in draw.sample(wordlist.NOUNS, 2)
        )
        if not any(name in text for name in (group, bad, good)):
            return group, bad, good


def _tests(style: Style, group: str, bad: str, good: str, draw: random.Random) -> str:
    first, second = draw.sample(range(11, 400), 2)
    bodies = [
        (bad, f"assert {first} + {second} == {first + second + draw.randint(1, 99)}"),
        (good, f"assert {first} * {second} == {second} * {first}"),
    ]
    draw.shuffle(bodies)
    if style == "function":
        return "".join(f"\n\ndef {name}():\n    {body}\n" for name, body in bodies)
    # Any history that runs classes at all runs those of unittest.
    head = f'\n\nclass {group}(__import__("unittest").TestCase):\n'
    return head + "\n".join(f"    def {name}(self):\n        {body}\n" for name, body in bodies)
