"""The rules in their order: the first one that fails is a commit's reason.

A rule is a name, a finding (the values that failed, empty where it holds) and a hint. They
stand in steps, by what they cost to know: the walk, the files' kinds, line counts, definitions,
names in the tree. No rule sees a test result.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from cra_pipeline.commits.authors import bot_sign
from cra_pipeline.commits.bumps import dependency_sign, release_sign, revert_sign
from cra_pipeline.commits.facts import Facts
from cra_pipeline.commits.message import imperative_fault, merge_sign, vague_sign, word_count
from cra_pipeline.commits.paths import is_ci, is_documentation
from cra_pipeline.commits.policy import FilterPolicy
from cra_pipeline.contracts.history import SUBMODULE, SYMLINK

JOINED = "joined_into_window"


@dataclass(frozen=True, slots=True)
class Rejection:
    """Why a commit does not qualify."""

    reason: str
    evidence: str
    rescue: str


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule.

    Attributes:
        name: The reason that a rejected commit carries.
        finding: The values that failed, in words; empty where the rule holds.
        rescue: What would make the commit qualify; empty where nothing would.
    """

    name: str
    finding: Callable[[Facts, FilterPolicy], str]
    rescue: str


def first_failure(rules: Sequence[Rule], facts: Facts, policy: FilterPolicy) -> Rejection | None:
    """The first rule of a step that does not hold, or None."""
    for rule in rules:
        if evidence := rule.finding(facts, policy):
            return Rejection(rule.name, evidence, rule.rescue)
    return None


def _root(facts: Facts, _: FilterPolicy) -> str:
    return "" if facts.commit.parents else "no parent"


def _merge(facts: Facts, _: FilterPolicy) -> str:
    if len(facts.commit.parents) > 1:
        return f"{len(facts.commit.parents)} parents"
    words = merge_sign(facts.commit.message)
    return f"one parent, but the message says {words.strip()!r}" if words else ""


def _bot(facts: Facts, _: FilterPolicy) -> str:
    return bot_sign(facts.commit.author, facts.commit.email)


def _empty(facts: Facts, _: FilterPolicy) -> str:
    files = facts.commit.files
    if not files:
        return "no file differs from the parent"
    modes_only = all(change.old_blob == change.new_blob for change in files)
    return f"only modes differ: {files[0].path}" if modes_only else ""


def _docs(facts: Facts, _: FilterPolicy) -> str:
    paths = _changed(facts)
    return _listed(paths) if paths and all(map(is_documentation, paths)) else ""


def _ci(facts: Facts, _: FilterPolicy) -> str:
    paths = _changed(facts)
    served = all(is_ci(path) or is_documentation(path) for path in paths)
    return _listed(paths) if paths and served else ""


def _short(facts: Facts, policy: FilterPolicy) -> str:
    words = word_count(facts.commit.message)
    return f"{words} words < {policy.min_words}" if words < policy.min_words else ""


def _special(mode: str) -> Callable[[Facts, FilterPolicy], str]:
    def finding(facts: Facts, _: FilterPolicy) -> str:
        files = facts.commit.files
        hits = sorted(change.path for change in files if change.has_mode(mode))
        rest = [change.path for change in files if not change.is_special()]
        alone = not any(path.endswith(".py") or path not in facts.binary for path in rest)
        return _listed(hits) if hits and alone else ""

    return finding


def _binary(facts: Facts, _: FilterPolicy) -> str:
    changed = _changed(facts)
    alone = bool(facts.binary) and set(changed) == set(facts.binary)
    return _listed(sorted(facts.binary)) if alone else ""


def _no_python(facts: Facts, _: FilterPolicy) -> str:
    return "" if facts.python_files else f"no .py file among {_listed(facts.paths.others)}"


def _unnamable(facts: Facts, _: FilterPolicy) -> str:
    return _listed(sorted(change.path for change in facts.commit.files if not change.exact))


def _too_many_files(facts: Facts, policy: FilterPolicy) -> str:
    count = facts.python_files
    return f"{count} .py files > {policy.meta_max_files}" if count > policy.meta_max_files else ""


def _no_source(facts: Facts, _: FilterPolicy) -> str:
    if facts.paths.sources or facts.paths.tests:
        return ""
    return f"only scaffolding: {_listed([p for p in facts.paths.others if p.endswith('.py')])}"


def _not_text(facts: Facts, _: FilterPolicy) -> str:
    return _listed(sorted(path for path, count in (facts.lines or {}).items() if count is None))


def _too_many_lines(facts: Facts, policy: FilterPolicy) -> str:
    count = facts.added + facts.deleted
    return f"{count} lines >= {policy.max_lines}" if count >= policy.max_lines else ""


def _many_files_nothing_new(facts: Facts, policy: FilterPolicy) -> str:
    if facts.python_files <= policy.max_files or facts.new_symbols:
        return ""
    return f"{facts.python_files} .py files > {policy.max_files}, no new function or class"


def _no_tests(facts: Facts, _: FilterPolicy) -> str:
    if facts.touched_tests or facts.related_tests:
        return ""
    return f"no test touched, none named after {_listed(facts.paths.sources)}"


def _changed(facts: Facts) -> list[str]:
    return sorted(change.path for change in facts.commit.files)


def _listed(paths: Sequence[str]) -> str:
    """At most three paths in words."""
    more = f" and {len(paths) - 3} more" if len(paths) > 3 else ""  # noqa: PLR2004  # as said
    return ", ".join(paths[:3]) + more


FROM_WALK: tuple[Rule, ...] = (
    Rule("root_commit", _root, ""),
    Rule("merge", _merge, "the joined commits are judged one by one"),
    Rule("bot_author", _bot, ""),
    Rule("revert", lambda f, _: revert_sign(f.commit.message), ""),
    Rule("release", lambda f, _: release_sign(f.commit.message), ""),
    Rule("dependency_bump", lambda f, _: dependency_sign(f.commit.message), ""),
    Rule("empty", _empty, ""),
    Rule("docs_only", _docs, ""),
    Rule("ci_only", _ci, ""),
    Rule("message_too_short", _short, "write the message anew from the diff, in more words"),
    Rule(
        "message_vague",
        lambda f, _: vague_sign(f.commit.message),
        "write the message anew from the diff: say what changes and where",
    ),
    Rule(
        "message_not_imperative",
        lambda f, _: imperative_fault(f.commit.message),
        "rewrite the message so that it opens with a verb: 'Support …' instead of 'Support for …'",
    ),
)  # fmt: skip
"""Known from the walk alone."""

FROM_FILES: tuple[Rule, ...] = (
    Rule("symlinks_only", _special(SYMLINK), ""),
    Rule("submodules_only", _special(SUBMODULE), ""),
    Rule("binary_only", _binary, ""),
    Rule("no_python", _no_python, ""),
    Rule("path_not_utf8", _unnamable, "rename the file to a UTF-8 name first"),
    Rule("too_many_files", _too_many_files, "split the change by concern"),
    Rule("no_source_file", _no_source, ""),
)
"""Known once binary files are told apart, where no ``.py`` file changed."""

FROM_LINES: tuple[Rule, ...] = (
    Rule("python_not_text", _not_text, "store the module as UTF-8 text"),
    Rule("too_many_lines", _too_many_lines, "split the change into steps"),
)
"""Known once lines are counted."""

FROM_SYMBOLS: tuple[Rule, ...] = (
    Rule(
        "many_files_nothing_new",
        _many_files_nothing_new,
        "split the change by concern: more than five files need new symbols to plan in parts",
    ),
)
"""Known once definitions are compared, in changes of many files."""

FROM_TREE: tuple[Rule, ...] = (
    Rule("no_tests", _no_tests, "add a test for the touched code, here or in a nearby commit"),
)
"""Known once the names in the commit's tree are read."""

ORDER: tuple[str, ...] = (
    *(
        rule.name
        for step in (FROM_WALK, FROM_FILES, FROM_LINES, FROM_SYMBOLS, FROM_TREE)
        for rule in step
    ),
    JOINED,
)
"""Every reason, in the order in which rules are asked."""
