"""What tox and nox install before they run tests, read without running either."""

from __future__ import annotations

import ast
import re
from dataclasses import dataclass, field
from typing import Any

from cra_pipeline.packages.setupfiles import literal, module_values, read_config, section
from cra_pipeline.syntax import parse_python

_CHORES = re.compile(
    r"doc|lint|mypy|typing|type|pyright|format|pre.?commit|bench|release|build|cov"
)


@dataclass(slots=True)
class ToolNeeds:
    """Requirements of a tool's test environments.

    Attributes:
        lines: Requirement lines.
        files: Requirement files named by ``-r``.
        extras: Extras of the project that are installed with it.
        groups: Dependency groups that are installed.
    """

    lines: list[str] = field(default_factory=list)
    files: list[str] = field(default_factory=list)
    extras: list[str] = field(default_factory=list)
    groups: list[str] = field(default_factory=list)


def read_tox(text: str) -> ToolNeeds:
    """Needs of ``[testenv]`` and of test environments in ``tox.ini``."""
    parser = read_config(text)
    needs = ToolNeeds()
    for name in parser.sections():
        if name == "testenv" or (name.startswith("testenv:") and not _CHORES.search(name)):
            options = section(parser, name)
            for line in _for_tests(options.get("deps", "")):
                _add(needs, line)
            needs.extras += _words(options.get("extras", ""))
            needs.groups += _words(options.get("dependency_groups", ""))
    return needs


def _words(text: str) -> list[str]:
    return [word for line in _for_tests(text) for word in re.split(r"[\s,]+", line) if word]


def _for_tests(text: str) -> list[str]:
    """Lines without a factor, or with one that no chore such as ``docs:`` carries."""
    lines: list[str] = []
    for raw in text.splitlines():
        match = re.match(r"\s*([\w.{},!-]+):\s+(.*)", raw)
        factor, line = (match[1], match[2]) if match else ("", raw.strip())
        if line and "{" not in line and not _CHORES.search(factor):
            lines.append(line)
    return lines


def _add(needs: ToolNeeds, line: str) -> None:
    match = re.match(r"(?:-r|--requirement)[= ]?\s*(\S+)", line)
    if match:
        needs.files.append(match[1])
    elif not line.startswith("-"):
        needs.lines.append(line)


def read_tox_table(table: dict[str, Any]) -> ToolNeeds:
    """Needs of ``[tool.tox]`` in ``pyproject.toml``, the ini text of older ones included."""
    legacy = table.get("legacy_tox_ini")
    if isinstance(legacy, str):
        return read_tox(legacy)
    needs = ToolNeeds()
    run = table.get("env_run_base")
    if isinstance(run, dict):
        for line in run.get("deps", []):
            if isinstance(line, str):
                _add(needs, line)
        needs.extras += [item for item in run.get("extras", []) if isinstance(item, str)]
        needs.groups += [item for item in run.get("dependency_groups", []) if isinstance(item, str)]
    return needs


def read_nox(text: str) -> ToolNeeds:
    """Literal arguments of ``session.install(...)`` in the sessions that are no chores."""
    needs = ToolNeeds()
    try:
        tree = parse_python(text)
    except (SyntaxError, ValueError, RecursionError):
        return needs
    names = module_values(tree)
    for function in tree.body:
        if isinstance(function, ast.FunctionDef) and not _CHORES.search(function.name):
            for node in ast.walk(function):
                if isinstance(node, ast.Call) and getattr(node.func, "attr", "") == "install":
                    _session_install(needs, node, names)
    return needs


def _session_install(needs: ToolNeeds, node: ast.Call, names: dict[str, Any]) -> None:
    values = [literal(item, names) for item in node.args if not isinstance(item, ast.Starred)]
    words = [value for value in values if isinstance(value, str)]
    previous = ""
    for word in words:
        local = re.fullmatch(r"\.\[([\w,\s.-]+)\]", word)
        if local:
            needs.extras += [part.strip() for part in local[1].split(",")]
        elif previous in {"-r", "--requirement"}:
            needs.files.append(word)
        elif previous in {"--group", "--extra"}:
            (needs.groups if previous == "--group" else needs.extras).append(word)
        elif not word.startswith(("-", ".", "/")) and previous not in {"-c", "--constraint"}:
            needs.lines.append(word)
        previous = word
