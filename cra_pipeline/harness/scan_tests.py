"""The last look at tests that a candidate wrote: do they judge what the source does, or its text?

Pure. A test that reads the source can tell every mutant from the right text without running a
line of it. Such a test needs both a way to the file and a way to read it; either alone is
ordinary work. Of the rules for sources only those hold here that no honest test breaks.
"""

from __future__ import annotations

import ast
from collections.abc import Collection, Iterator, Mapping
from pathlib import PurePosixPath

from cra_pipeline.diffs import Blob
from cra_pipeline.harness.scan import Finding
from cra_pipeline.harness.scan_code import reaches, readable
from cra_pipeline.syntax import parse_python

RULE = "reads_source"
_RULES = frozenset(
    {"process_exit", "exit_at_import", "native_memory", "descriptors", "judge_process"}
)
_ALWAYS = frozenset(
    {
        *("getsource", "getsourcelines", "getsourcefile", "findsource", "linecache", "get_source"),
        *("getline", "getlines", "get_data", "get_code", "__code__", "co_code", "co_consts"),
        *("co_lnotab", "co_linetable", "co_lines", "co_firstlineno", "__cached__"),
    }
)
_READERS = frozenset(
    {
        *("open", "read_text", "read_bytes", "hashlib", "file_digest", "filecmp", "readlines"),
        *("read_binary", "open_text", "open_binary", "FileInput", "mmap", "st_mtime", "st_size"),
        *("getsize", "getmtime", "check_output", "check_call", "Popen", "system", "copyfile"),
    }
)
_PLACES = frozenset({"__path__", "getfile", "find_spec", "__spec__", "origin", "__loader__"})


def scan_tests(
    before: Mapping[str, Blob], after: Mapping[str, Blob], *, sources: Collection[str]
) -> tuple[Finding, ...]:
    """Everything about a candidate's tests that is no honest test, sorted by path and line.

    Args:
        before: Earlier content of its test files; what one of them had is allowed there.
        after: Later content.
        sources: Paths of the modules under test.
    """
    findings: list[Finding] = []
    for path, blob in after.items():
        old = before.get(path)
        if not path.endswith(".py") or old == blob:
            continue
        earlier = b"" if old is None else old.content
        if not readable(blob.content) and readable(earlier):
            findings.append(Finding(path, 0, "unreadable", "no Python that can be judged"))
        had = {(rule, found) for _, rule, found in _seen(earlier, sources)}
        findings += [
            Finding(path, line, rule, found)
            for line, rule, found in _seen(blob.content, sources)
            if (rule, found) not in had
        ]
    return tuple(sorted({*findings}))


def _seen(content: bytes, sources: Collection[str]) -> Iterator[tuple[int, str, str]]:
    for reach in reaches(content):
        if reach.rule in _RULES:
            yield reach.line, reach.rule, reach.found
    if not readable(content):
        return
    names = [
        (getattr(node, "lineno", 0), name)
        for node in ast.walk(parse_python(content))
        for name in _names(node)
    ]
    for line, name in names:
        if name in _ALWAYS:
            yield line, RULE, name
    if any(name in _READERS for _, name in names):
        for line, name in names:
            if _leads_to(name, sources):
                yield line, RULE, name


def _names(node: ast.AST) -> Iterator[str]:
    """What a node names: a variable, attribute, module or short text."""
    if isinstance(node, ast.Attribute):
        # The test's own ``__file__`` leads to its data, another module's to that module.
        yield "module.__file__" if node.attr == "__file__" else node.attr
    elif isinstance(node, ast.Name):
        yield node.id
    elif isinstance(node, ast.alias):
        yield from node.name.split(".")
    elif isinstance(node, ast.Constant) and isinstance(node.value, str):
        yield f"'{node.value}'"
        if node.value in {"__file__", *_ALWAYS}:
            yield "module.__file__" if node.value == "__file__" else node.value


def _leads_to(name: str, sources: Collection[str]) -> bool:
    """Whether a name or quoted text is a way to the file of a module under test."""
    if not name.startswith("'"):
        return name in _PLACES or name == "module.__file__"
    text = name.strip("'")
    files = {PurePosixPath(path).name for path in sources} - {"__init__.py"}
    folders = {str(PurePosixPath(path).parent) for path in sources} | {"src"}
    last = text.rstrip("/").rpartition("/")[2]
    return last in files or text.endswith("*.py") or text.strip("./") in folders - {"", "."}
