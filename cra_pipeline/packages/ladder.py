"""The rungs that are climbed until the touched tests of a commit can be collected.

Declared test groups first, then development groups and tool files, each undated and then as of
the commit's day; at last what a probe found missing. No rung needs a model or a guess that
cannot be repeated.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import PurePosixPath

from cra_pipeline.contracts.commits import CommitRow
from cra_pipeline.contracts.sandbox import Ending
from cra_pipeline.contracts.testrun import TestRunReport
from cra_pipeline.packages.declared import Declared
from cra_pipeline.packages.policy import PackagePolicy
from cra_pipeline.packages.providers import OPTION_PLUGINS, SETTING_PLUGINS, distribution_of
from cra_pipeline.packages.requirements import with_pytest

_REASON_CHARS = 300


@dataclass(frozen=True, slots=True, kw_only=True)
class Rung:
    """One set of requirements to try.

    Attributes:
        name: ``tests``, ``development`` or ``missing-modules``.
        as_of: Day that bounds the resolution; empty where undated.
        requirements: Clean lines, pytest among them.
    """

    name: str
    as_of: str
    requirements: tuple[str, ...]


def declared_rungs(declared: Declared, committed_at: int, policy: PackagePolicy) -> list[Rung]:
    """The rungs that need no probe, in the order in which they are tried."""
    narrow = with_pytest((*declared.runtime, *declared.tests), policy.pytest_floor)
    wide = with_pytest((*narrow, *declared.development), policy.pytest_floor)
    day = bounding_day(committed_at, policy)
    sets = [("tests", narrow)] + ([("development", wide)] if wide != narrow else [])
    return [
        Rung(name=name, as_of=as_of, requirements=lines)
        for name, lines in sets
        for as_of in ("", day)
    ]


def bounding_day(committed_at: int, policy: PackagePolicy) -> str:
    """Day of a commit (UTC), not before the policy's floor."""
    return max(policy.dated_floor, datetime.fromtimestamp(committed_at, tz=UTC).date().isoformat())


def with_added(rung: Rung, names: Iterable[str]) -> Rung:
    """The rung that also asks for what a probe missed."""
    lines = tuple(sorted({*rung.requirements, *names}))
    return Rung(name="missing-modules", as_of=rung.as_of, requirements=lines)


def probe_targets(row: CommitRow, tree: frozenset[str], policy: PackagePolicy) -> tuple[str, ...]:
    """Test files to collect: those touched, else those named after the touched sources.

    Where there are neither (the commit touches test support only), a few test files stand for
    them, the nearest ones first; at last whatever the commit touches below its tests.
    """
    touched = [path for path in row.test_files if path in tree]
    related = [path for path in row.related_tests if path in tree]
    for group in (touched, related):
        if named := [path for path in group if is_test_file(path)]:
            return tuple(named[: policy.probe_files])
    homes = {str(PurePosixPath(path).parent) for path in touched}
    named = sorted(
        (path for path in tree if is_test_file(path)),
        key=lambda path: (str(PurePosixPath(path).parent) not in homes, path),
    )
    others = [path for path in touched if PurePosixPath(path).name not in _SUPPORT]
    return tuple(named[: policy.sample_files] or others[: policy.probe_files])


def near_modules(
    tree: Iterable[str], roots: Iterable[str], targets: Iterable[str]
) -> frozenset[str]:
    """Top-level names that the tree itself provides to its tests.

    Looked for below the import roots, at the top, and beside the targets.
    """
    places = {*roots, ".", *(str(PurePosixPath(path).parent) for path in targets)}
    found: set[str] = set()
    for path in tree:
        for place in places if path.endswith(".py") else ():
            inner = path if place == "." else path.removeprefix(f"{place}/")
            if place == "." or inner != path:
                found.add(inner.split("/", maxsplit=1)[0].removesuffix(".py"))
    return frozenset(found)


_SUPPORT = frozenset({"conftest.py", "__init__.py"})


def is_test_file(path: str) -> bool:
    """Whether pytest collects a file of this name by default."""
    stem = PurePosixPath(path).stem
    return path.endswith(".py") and (stem.startswith("test") or stem.endswith(("_test", "_tests")))


@dataclass(frozen=True, slots=True, kw_only=True)
class Probe:
    """What one collection showed.

    Attributes:
        passed: Every target was collected, and at least one test was found.
        collected: Number of tests found.
        failed: Targets that could not be imported.
        missing: Distributions that would provide what was missing, sorted.
        own_missing: Modules of the project itself that could not be imported.
        usage: pytest refused its own configuration.
        silent: All targets could be imported, but hold no test.
        hopeless: No environment for this Python can help: the targets are of another syntax.
        reason: Why it did not pass; empty if it did.
    """

    passed: bool
    collected: int
    failed: tuple[str, ...]
    missing: tuple[str, ...]
    own_missing: tuple[str, ...]
    usage: bool
    silent: bool
    hopeless: bool
    reason: str


def judge_probe(report: TestRunReport, own_modules: frozenset[str]) -> Probe:
    """Read a collection's report.

    Args:
        report: Of a ``collect_only`` run.
        own_modules: Top-level names that the tree provides: no distribution is sought for them.
    """
    text = "\n".join([report.detail, *(item.detail for item in report.collect_errors)])
    usage = not report.outcomes and bool(_USAGE.search(text))
    foreign = [name for name in report.missing_modules if name not in own_modules]
    wanted = {distribution_of(name) for name in foreign} | wanted_plugins(text)
    passed = report.complete and not report.collect_errors and bool(report.outcomes)
    return Probe(
        passed=passed,
        collected=len(report.outcomes) if report.complete else 0,
        failed=tuple(item.test_id for item in report.collect_errors),
        missing=tuple(sorted(wanted - {""})),
        own_missing=_own_missing(report, text, own_modules),
        usage=usage,
        silent=report.complete and not (report.collect_errors or report.outcomes or usage),
        hopeless=_is_hopeless(report),
        reason="" if passed else _reason(report),
    )


_NO_NAME = re.compile(
    r"cannot import name '(\w+)' from (?:partially initialized module )?'([\w.]+)'"
)


def _own_missing(report: TestRunReport, text: str, own_modules: frozenset[str]) -> tuple[str, ...]:
    """Modules of the project that are not there, and names that its packages lack."""
    names = {name for name in report.missing_modules if name in own_modules}
    for name, module in _NO_NAME.findall(text):
        if module.partition(".")[0] in own_modules:
            names.add(f"{module}.{name}")
    return tuple(sorted(names))


def _is_hopeless(report: TestRunReport) -> bool:
    """Nothing was found, and every target fails to compile itself."""
    errors = report.collect_errors
    return (
        bool(errors)
        and not report.outcomes
        and all(
            item.detail.startswith(("SyntaxError", "IndentationError"))
            and PurePosixPath(item.test_id).name in item.detail
            for item in errors
        )
    )


_USAGE = re.compile(
    r"unrecognized arguments|usage:|Missing required plugins|Unknown config option|UsageError"
    r"|not found in `markers` configuration|requires pytest-|no such option",
    re.IGNORECASE,
)


def wanted_plugins(text: str) -> set[str]:
    """Plugin distributions that pytest's complaints point to."""
    wanted: set[str] = set()
    for words in re.findall(r"unrecognized arguments:([^\n]*)", text):
        for option in words.split():
            wanted |= {OPTION_PLUGINS[key] for key in OPTION_PLUGINS if _is_option(option, key)}
    for words in re.findall(r"Missing required plugins:([^\n]*)", text):
        wanted |= {re.split(r"[<>=!~ ]", part.strip())[0] for part in words.split(",")}
    for setting in re.findall(r"Unknown config option: (\w+)|'(\w+)' not found in `markers`", text):
        wanted |= {SETTING_PLUGINS.get(name, "") for name in setting if name}
    return wanted - {""}


def _is_option(word: str, option: str) -> bool:
    return word == option or word.startswith(f"{option}=") or (option == "-n" and word[:2] == "-n")


def _reason(report: TestRunReport) -> str:
    """One line for a person, the first cause first."""
    if report.ending is not Ending.EXITED:
        return f"collection_{report.ending}: {report.detail}"[:_REASON_CHARS]
    if report.missing_modules:
        return f"missing_modules: {', '.join(report.missing_modules)}"[:_REASON_CHARS]
    if report.collect_errors:
        first = report.collect_errors[0]
        return f"collection_failed: {first.test_id}: {first.detail}"[:_REASON_CHARS]
    if report.complete:
        return "no_tests_collected"
    return f"collection_broke_off: {report.detail}"[:_REASON_CHARS]
