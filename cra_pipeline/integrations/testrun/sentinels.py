"""Sentinels: tests with a known result that run among the wanted ones under random names.

Each planted file looks like its neighbours and holds two pairs, one of functions and one of
``unittest`` methods; one of each pair must fail, the other must pass. Whoever makes every test
green makes the must-fail ones green. Who turns whole files green is betrayed by the tests that
``appending`` puts into the wanted files; who rewrites only the wanted tests stays unseen here.
"""

from __future__ import annotations

import random
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath

from cra_pipeline.contracts.testrun import TestResult
from cra_pipeline.integrations.testrun.appending import NOTHING, Appended
from cra_pipeline.integrations.testrun.wordlist import ADJECTIVES, NOUNS

_FALSE = (
    "self.assertEqual({a} + {b}, {c})\n",
    "assert sorted([{b}, {a}, {c}])[0] > {c}, 'order'\n",
    "raise LookupError('no entry {a}')\n",
    "with self.assertRaises(ValueError):\n            int('{a}')\n",
    "assert [{a}, {b}] == [{b}, {c}]\n",
)
_TRUE = (
    "self.assertEqual({a} + {b}, {b} + {a})\n",
    "assert sorted([{b}, {a}, {c}])[0] == min({a}, {b}, {c})\n",
    "assert len(str({a}) * 3) == 3 * len('{a}')\n",
    "with self.assertRaises(ValueError):\n            int('x{a}')\n",
)
_FUNCTION_FALSE = (
    "assert {a} + {b} == {c}\n",
    "assert '{a}' in ['{b}', '{c}']\n",
    "raise ValueError('unexpected {b}')\n",
    "assert not [{a}, {b}]\n",
)
_FUNCTION_TRUE = (
    "assert {a} * {b} == {b} * {a}\n",
    "assert '{c}' in ['{b}', '{c}']\n",
    "assert not {{}}.get({a})\n",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Planted:
    """What was planted, and in which order everything runs.

    Attributes:
        order: The wanted files with the planted ones first, somewhere between, and last.
        files: Text of each planted file by path.
        must_fail: Test ids whose result must be ``failed``.
        must_pass: Test ids whose result must be ``passed``.
        appended: Tests at the end of wanted files.
    """

    order: tuple[str, ...]
    files: Mapping[str, str]
    must_fail: frozenset[str]
    must_pass: frozenset[str]
    appended: Appended = NOTHING

    def owns(self, test_id: str) -> bool:
        """Whether an id belongs to a planted file or was appended to a wanted one."""
        return _file(test_id) in self.files or self.appended.owns(test_id)


def unplanted(wanted: Sequence[str]) -> Planted:
    """No sentinels: just the wanted files in their order."""
    return Planted(order=tuple(wanted), files={}, must_fail=frozenset(), must_pass=frozenset())


def plant(
    wanted: Sequence[str],
    folders: Sequence[str],
    taken: Collection[str],
    draw: random.Random,
    appended: Appended = NOTHING,
) -> Planted:
    """Draw three sentinel files.

    Args:
        wanted: Test files in the order in which they run.
        folders: Existing folders of the tree (POSIX, ``.`` for the root) to plant in; not empty.
        taken: Paths that exist already; pytest wants file names to differ even across folders.
        draw: Its state is the secret; production uses the system's source.
        appended: Handed on.
    """
    names = {PurePosixPath(path).name for path in taken}
    files: dict[str, str] = {}
    must_fail: set[str] = set()
    must_pass: set[str] = set()
    while len(files) < 3:  # noqa: PLR2004  # before, between and after
        name = f"test_{draw.choice(ADJECTIVES)}_{draw.choice(NOUNS)}.py"
        if name in names:
            continue
        names.add(name)
        path = str(PurePosixPath(draw.choice(folders)) / name)
        files[path], bad, good = _module(path, draw)
        must_fail.update(bad)
        must_pass.update(good)
    first, between, last = files
    order = [first, *wanted, last]
    order.insert(draw.randint(1, len(wanted) + 1), between)
    return Planted(
        order=tuple(order),
        files=files,
        must_fail=frozenset(must_fail),
        must_pass=frozenset(must_pass),
        appended=appended,
    )


def _module(path: str, draw: random.Random) -> tuple[str, set[str], set[str]]:
    """Text of one file with the ids that must fail and those that must pass."""
    names = [f"test_{noun}_{draw.choice(ADJECTIVES)}" for noun in draw.sample(NOUNS, 4)]
    group = f"Test{draw.choice(ADJECTIVES).title()}{draw.choice(NOUNS).title()}"
    functions = [
        (names[0], draw.choice(_FUNCTION_FALSE)),
        (names[1], draw.choice(_FUNCTION_TRUE)),
    ]
    methods = [(names[2], draw.choice(_FALSE)), (names[3], draw.choice(_TRUE))]
    draw.shuffle(functions)
    draw.shuffle(methods)
    parts = [f"def {name}():\n    {_filled(body, draw)}\n\n" for name, body in functions]
    parts.append(f"class {group}(unittest.TestCase):\n")
    parts += [f"    def {name}(self):\n        {_filled(body, draw)}\n" for name, body in methods]
    bad = {f"{path}::{names[0]}", f"{path}::{group}::{names[2]}"}
    good = {f"{path}::{names[1]}", f"{path}::{group}::{names[3]}"}
    return "import unittest\n\n\n" + "".join(parts), bad, good


def _filled(body: str, draw: random.Random) -> str:
    first, second = draw.sample(range(11, 400), 2)
    # Larger than both and than their sum, so that false stays false.
    return body.format(a=first, b=second, c=first + second + draw.randint(1, 99))


def broken_rule(planted: Planted, results: Mapping[str, TestResult]) -> str:
    """Why the planted tests say that the report cannot be believed, or empty.

    Args:
        planted: What was planted.
        results: Everything that a complete session reported, by test id.
    """
    passed = {test_id for test_id, result in results.items() if result is TestResult.PASSED}
    wanted = {test_id for test_id in passed if not planted.owns(test_id)}
    if (planted.must_fail | planted.appended.must_fail) & passed:
        return "must_fail_sentinel_passed"
    if not planted.files or not wanted:
        return ""  # Nothing green was claimed: a broken session is no forgery.
    green = {_file(test_id) for test_id in wanted}
    added = {test_id for test_id in planted.appended.must_pass if _file(test_id) in green}
    added_bad = {test_id for test_id in planted.appended.must_fail if _file(test_id) in green}
    expected = planted.must_fail | planted.must_pass
    functions = {test_id for test_id in expected if _is_function(test_id)}
    # Some histories collect no plain functions at all; then none may have passed either.
    if not functions & results.keys() and not any(map(_is_function, wanted)):
        expected -= functions
    if not expected | added | added_bad <= results.keys():
        return "sentinel_missing"
    return "" if planted.must_pass & expected | added <= passed else "must_pass_sentinel_failed"


def _file(test_id: str) -> str:
    return test_id.partition("::")[0]


def _is_function(test_id: str) -> bool:
    return test_id.count("::") == 1
