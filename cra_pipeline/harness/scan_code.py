"""What a Python text reaches for that only somebody needs who steers the judge.

Pure, by the syntax tree, so that a comment or docstring that mentions ``os._exit`` is nothing.
Names are followed through the file's own imports; a value computed at run time escapes the scan.
"""

from __future__ import annotations

import ast
import io
import tokenize
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import lru_cache

from cra_pipeline.harness.scan_equality import blind_comparisons
from cra_pipeline.harness.scan_imports import (
    computes_loaded,
    computes_module,
    named_modules,
    opens_number,
)
from cra_pipeline.harness.scan_names import (
    ATTRIBUTES,
    BUILTINS,
    EXITS,
    FRAME_NAMES,
    JUDGES,
    MAKERS,
    OWN_TO_SET,
    PATCHED,
    RULES,
    STARRED,
    TEXTS,
)
from cra_pipeline.syntax import parse_python

_NAME_LENGTH = 120
"""Longer texts are documentation."""

_ENCODINGS = frozenset({"utf-8", "utf-8-sig", "ascii", "us-ascii", "latin-1", "latin1"})


@dataclass(frozen=True, slots=True)
class Reach:
    """One place in a text.

    Attributes:
        line: From 1.
        rule: Short code, such as ``process_exit``.
        found: What was seen, such as ``os._exit``.
    """

    line: int
    rule: str
    found: str


@lru_cache(maxsize=1024)
def readable(content: bytes) -> bool:
    """Whether the text can be judged: it parses, in an encoding that shows what it says."""
    try:
        encoding, _ = tokenize.detect_encoding(io.BytesIO(content).readline)
        # What decodes to other letters than it shows is no text but a cipher.
        plain = encoding in _ENCODINGS or encoding.startswith(("iso-8859-", "cp125"))
        return plain and bool(parse_python(content))
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return False


@lru_cache(maxsize=1024)
def reaches(content: bytes, own: frozenset[str] = frozenset()) -> tuple[Reach, ...]:
    """Everything that the text reaches for, in the order of lines.

    A text that is not ``readable`` gives nothing: whoever asks judges that first.

    Args:
        content: Of a Python file.
        own: Names of the project's packages, which may be imported by computed names.
    """
    try:
        tree = parse_python(content)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return ()
    aliases = _aliases(tree)
    nodes = list(ast.walk(tree))
    told = {id(told) for node in nodes for told in _told(node)}
    found = [
        Reach(getattr(node, "lineno", 0), rule, name)
        for node in nodes
        if id(node) not in told
        for rule, name in _of_node(node, aliases, own)
    ]
    found += [Reach(line, "exit_at_import", name) for line, name in _exits(tree, aliases)]
    return tuple(sorted({*found}, key=lambda reach: (reach.line, reach.rule, reach.found)))


def _told(node: ast.AST) -> Iterator[ast.AST]:
    """Parts that do nothing: docstrings, types asked for, and the question who is main."""
    if isinstance(node, ast.Expr) and _is_text(node.value):
        yield node.value
    elif isinstance(node, ast.Compare):
        if _asks_for_name(node):
            yield from _texts(node, "__main__")
        yield from _makers(node.comparators)
    elif isinstance(node, ast.Call):
        if isinstance(node.func, ast.Name) and node.func.id in {"isinstance", "issubclass"}:
            yield from _makers(node.args)
    elif isinstance(node, ast.arg | ast.AnnAssign) and node.annotation is not None:
        yield from _makers([node.annotation])
    elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.returns is not None:
        yield from _makers([node.returns])


def _asks_for_name(node: ast.Compare) -> bool:
    return any(
        (isinstance(part, ast.Name) and part.id == "__name__")
        or (isinstance(part, ast.Attribute) and part.attr in {"__name__", "__module__"})
        for part in ast.walk(node)
    )


def _texts(node: ast.AST, text: str) -> Iterator[ast.AST]:
    for part in ast.walk(node):
        if isinstance(part, ast.Constant) and part.value == text:
            yield part


def _makers(nodes: Iterable[ast.AST]) -> Iterator[ast.AST]:
    names = {maker.rpartition(".")[2] for maker in MAKERS}
    for node in nodes:
        for part in [node, *getattr(node, "elts", ())]:
            name = getattr(part, "attr", getattr(part, "id", ""))
            if isinstance(part, ast.Attribute | ast.Name) and name in names:
                yield part


def _is_text(node: ast.AST) -> bool:
    return isinstance(node, ast.Constant) and isinstance(node.value, str)


def _aliases(tree: ast.Module) -> dict[str, str]:
    """What each imported name stands for."""
    known: dict[str, str] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                whole = alias.name if alias.asname else alias.name.partition(".")[0]
                known[alias.asname or whole] = whole
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            for alias in node.names:
                known[alias.asname or alias.name] = f"{node.module}.{alias.name}"
    return known


def _of_node(
    node: ast.AST, aliases: dict[str, str], own: frozenset[str]
) -> Iterator[tuple[str, str]]:
    for name in blind_comparisons(node):
        yield "always_equal", name
    if isinstance(node, ast.Import | ast.ImportFrom):
        yield from _of_import(node)
    elif isinstance(node, ast.Attribute | ast.Name):
        yield from _of_reference(node, aliases)
    elif isinstance(node, ast.Constant) and isinstance(node.value, str):
        yield from _of_text(node.value)
    elif isinstance(node, ast.Call):
        yield from _of_call(node, aliases)
        yield from _of_request(node, aliases, own)
    elif isinstance(node, ast.Subscript):
        if computes_loaded(_dotted(node.value, aliases), node.slice):
            yield "import_system", "sys.modules[...]"
    elif isinstance(node, ast.Assign | ast.AugAssign | ast.Delete):
        targets = [node.target] if isinstance(node, ast.AugAssign) else node.targets
        for target in targets:
            yield from _of_target(target, aliases)


def _of_import(node: ast.Import | ast.ImportFrom) -> Iterator[tuple[str, str]]:
    if isinstance(node, ast.Import):
        names = [alias.name for alias in node.names]
    elif node.level or not node.module:
        return
    else:
        names = [f"{node.module}.{alias.name}" for alias in node.names]
        if any(alias.name == "*" for alias in node.names) and node.module in STARRED:
            yield "runtime_inspection", f"{node.module}.*"
    for name in names:
        yield from _of_dotted(name)


def _of_dotted(name: str) -> Iterator[tuple[str, str]]:
    if name.partition(".")[0] in JUDGES:
        yield "judge_internals", name
    parts = name.split(".")
    for length in range(1, len(parts) + 1):
        head = ".".join(parts[:length])
        if head in RULES:
            yield RULES[head], head
            return


def _dotted(node: ast.AST, aliases: dict[str, str]) -> str:
    """``a.b.c`` with its first name resolved; empty where it is no plain chain of names."""
    parts: list[str] = []
    while isinstance(node, ast.Attribute):
        parts.append(node.attr)
        node = node.value
    if not isinstance(node, ast.Name):
        return ""
    return ".".join([aliases.get(node.id, node.id), *reversed(parts)])


def _of_reference(
    node: ast.Attribute | ast.Name, aliases: dict[str, str]
) -> Iterator[tuple[str, str]]:
    if isinstance(node, ast.Name):
        if node.id in BUILTINS - aliases.keys() and isinstance(node.ctx, ast.Load):
            yield "dynamic_code", node.id
        if node.id in aliases:
            yield from _of_used(aliases[node.id])
        return
    if node.attr in ATTRIBUTES:
        yield "runtime_inspection", node.attr
    # A local variable of the same name is no module.
    if _root(node) in aliases:
        yield from _of_used(_dotted(node, aliases))


def _of_used(name: str) -> Iterator[tuple[str, str]]:
    if name in MAKERS:
        yield "code_in_data", name
    yield from _of_dotted(name)


def _root(node: ast.AST) -> str:
    while isinstance(node, ast.Attribute):
        node = node.value
    return node.id if isinstance(node, ast.Name) else ""


def _of_text(text: str) -> Iterator[tuple[str, str]]:
    if len(text) > _NAME_LENGTH:
        return
    if text.partition(".")[0] in JUDGES and " " not in text:
        yield "judge_internals", text
    if text == "__main__":
        yield "judge_process", text
    if FRAME_NAMES.intersection(text.split(".")) and text.replace(".", "").isidentifier():
        yield "runtime_inspection", text
    for part, rule in TEXTS.items():
        if part in text:
            yield rule, part


def _of_call(node: ast.Call, aliases: dict[str, str]) -> Iterator[tuple[str, str]]:
    name = _dotted(node.func, aliases)
    first = node.args[0] if node.args else ast.Constant(None)
    if name not in {"getattr", "setattr", "delattr"} or _root(first) not in aliases:
        return
    owner = _dotted(first, aliases)
    second = node.args[1] if len(node.args) > 1 else None
    if isinstance(second, ast.Constant):
        yield from _of_dotted(f"{owner}.{second.value!s}")
    if owner in PATCHED and (name != "getattr" or not isinstance(second, ast.Constant)):
        yield "patched_module", f"{name}({owner})"


def _of_request(
    node: ast.Call, aliases: dict[str, str], own: frozenset[str]
) -> Iterator[tuple[str, str]]:
    """Modules and descriptors that a call asks for by name or number."""
    name = _dotted(node.func, aliases)
    for module in named_modules(name, node):
        yield from _of_dotted(module)
    if computes_module(name, node, own):
        yield "dynamic_code", name
    if opens_number(name, node):
        yield "descriptors", f"{name}(number)"
    owner, _, method = name.rpartition(".")
    asked = method in {"get", "pop", "__getitem__"} and node.args
    if asked and computes_loaded(owner, node.args[0]):
        yield "import_system", "sys.modules[...]"


def _of_target(target: ast.expr, aliases: dict[str, str]) -> Iterator[tuple[str, str]]:
    if isinstance(target, ast.Tuple | ast.List):
        for element in target.elts:
            yield from _of_target(element, aliases)
    elif isinstance(target, ast.Attribute):
        name = _dotted(target, aliases)
        if (
            name.partition(".")[0] in PATCHED
            and _root(target) in aliases
            and ".".join(name.split(".")[:2]) not in OWN_TO_SET
        ):
            yield "patched_module", name
    elif (
        isinstance(target, ast.Subscript)
        and _dotted(target.value, aliases) == "sys.modules"
        and _dotted(target.slice, {}) != "__name__"
    ):
        yield "import_system", "sys.modules[...]"


def _exits(tree: ast.Module, aliases: dict[str, str]) -> Iterator[tuple[int, str]]:
    """Exits that importing the module would reach."""
    waiting: list[ast.AST] = [*tree.body]
    while waiting:
        node = waiting.pop()
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda) or _is_main(node):
            continue
        called = node.func if isinstance(node, ast.Call) else node
        if isinstance(called, ast.Attribute | ast.Name) and isinstance(node, ast.Call | ast.Name):
            name = _dotted(called, aliases)
            if name in EXITS:
                yield getattr(node, "lineno", 0), name
        waiting.extend(ast.iter_child_nodes(node))


def _is_main(node: ast.AST) -> bool:
    return isinstance(node, ast.If) and any(
        isinstance(part, ast.Name) and part.id == "__name__" for part in ast.walk(node.test)
    )
