"""What a project declares about itself at one commit, read from its files without running any.

The readers of single files gather ``Findings``; here they are put together and named as the
ladder needs them.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import PurePosixPath

from cra_pipeline.packages.findings import Findings
from cra_pipeline.packages.pyproject import read_pyproject
from cra_pipeline.packages.requirements import clean, file_lines
from cra_pipeline.packages.setupfiles import (
    module_values,
    read_config,
    section,
    setup_keywords,
    text_list,
)
from cra_pipeline.packages.toolfiles import read_nox, read_tox
from cra_pipeline.syntax import parse_python

_PROJECT_FILES = ("pyproject.toml", "setup.cfg", "setup.py")
_OTHER_FILES = ("tox.ini", "noxfile.py")
_REQUIREMENT_FILE = re.compile(
    r"(?:^|/)(?:[\w.-]*requirements[\w.-]*\.(?:txt|in)|requirements/[\w./-]+\.(?:txt|in))$"
)
_VERSION_FILE = re.compile(r"(?:^|/)(?:__init__|__about__|_?_?version_?_?|_about)\.py$")
_TEST_NAME = re.compile(r"(?:^|[-_.])(?:unit)?tests?(?:ing)?(?:[-_.]|$)")
_PLAIN_TEST_NAMES = frozenset({"test", "tests", "testing"})
_CHORE_NAME = re.compile(
    r"doc|lint|mypy|typing|pyright|pyrefly|^ty$|pre.?commit|bench|release|build|publish|codspeed"
    r"|format|style|check|profil|qa"
)
_NOT_OURS = re.compile(r"(?:^|/)(?:docs?|examples?|vendor|third_party|node_modules)/")
_MOST_FILES = 30
_DEEPEST_VERSION = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Declared:
    """One project at one commit.

    Attributes:
        folder: Of the project in the tree; empty for the top.
        name: Distribution name; empty where no file states it.
        version: Static version; empty where it comes from tags or is unknown.
        runtime: Clean requirement lines of the project itself.
        tests: Those of its test groups, extras and test requirement files.
        development: Those of all other groups but chores, requirement files, tox and nox.
        notes: Requirements left out, one sentence each.
        entry_points: Group, name and object, sorted.
        roots: Folders of the tree that hold importable code.
        version_files: Path in the tree and template of files that a build would write.
        headers: Lines of METADATA.
        scm_version: Whether the version comes from tags.
        native: Why a compiled part may be needed; empty for pure Python.
    """

    folder: str
    name: str
    version: str
    runtime: tuple[str, ...]
    tests: tuple[str, ...]
    development: tuple[str, ...]
    notes: tuple[str, ...]
    entry_points: tuple[tuple[str, str, str], ...]
    roots: tuple[str, ...]
    version_files: tuple[tuple[str, str], ...]
    headers: tuple[tuple[str, str], ...]
    scm_version: bool
    native: str


def project_folder(tree: Iterable[str], touched: Iterable[str]) -> str:
    """Deepest folder above a touched file that is a project of its own; empty for the top."""
    homes = {
        str(PurePosixPath(path).parent)
        for path in tree
        if PurePosixPath(path).name in _PROJECT_FILES
    }
    above = [
        str(parent)
        for path in touched
        for parent in PurePosixPath(path).parents
        if str(parent) in homes and str(parent) != "."
    ]
    return max(above, key=lambda folder: (folder.count("/"), folder), default="")


def wanted_files(tree: Iterable[str], folder: str) -> tuple[str, ...]:
    """Paths whose text ``read_declared`` asks for, sorted."""
    chosen: list[str] = []
    for path in sorted(tree):
        inner = _inside(path, folder)
        plain = inner in {*_PROJECT_FILES, *_OTHER_FILES} or path in _OTHER_FILES
        if plain or _is_requirement_file(path) or _may_hold_version(inner):
            chosen.append(path)
    return tuple(chosen[: _MOST_FILES * 4])


def _inside(path: str, folder: str) -> str:
    """Path relative to the project's folder; empty where it lies outside."""
    if not folder:
        return path
    return path.removeprefix(f"{folder}/") if path.startswith(f"{folder}/") else ""


def _is_requirement_file(path: str) -> bool:
    return _REQUIREMENT_FILE.search(path) is not None and not _NOT_OURS.search(path)


def _may_hold_version(inner: str) -> bool:
    shallow = inner.count("/") < _DEEPEST_VERSION
    return shallow and _VERSION_FILE.search(inner) is not None and not _TEST_NAME.search(inner)


def read_declared(tree: frozenset[str], texts: Mapping[str, str], folder: str) -> Declared:
    """Put together what the files of a project say.

    Args:
        tree: All paths of the commit.
        texts: Text of ``wanted_files``, by path.
        folder: Of ``project_folder``.
    """
    found = _gather(texts, folder)
    lists = _requirement_lists(found, texts, folder)
    cleaned = {key: clean(lines, found.name) for key, lines in lists.items()}
    roots = import_roots(tree, folder, found.roots)
    return Declared(
        folder=folder,
        name=found.name,
        version=found.version or _version_in_code(found, texts, folder, roots),
        runtime=cleaned["runtime"].lines,
        tests=cleaned["tests"].lines,
        development=cleaned["development"].lines,
        notes=tuple(sorted({note for item in cleaned.values() for note in item.notes})),
        entry_points=tuple(
            sorted(
                (group, name, value)
                for group, points in found.entry_points.items()
                for name, value in points.items()
            )
        ),
        roots=roots,
        version_files=tuple((_join(folder, path), text) for path, text in found.version_files),
        headers=tuple(found.headers),
        scm_version=any(re.search(r"scm|vcs|versioningit", line) for line in found.build_requires)
        or bool(found.version_files),
        native=", ".join(sorted(set(found.native))),
    )


def _join(folder: str, path: str) -> str:
    return str(PurePosixPath(folder) / path) if folder else str(PurePosixPath(path))


def _gather(texts: Mapping[str, str], folder: str) -> Findings:
    found = Findings()
    read_pyproject(texts.get(_join(folder, "pyproject.toml"), ""), found)
    _setup_cfg(texts.get(_join(folder, "setup.cfg"), ""), found)
    _setup_py(texts.get(_join(folder, "setup.py"), ""), found)
    for place in dict.fromkeys((folder, "")):
        for reader, name in ((read_tox, "tox.ini"), (read_nox, "noxfile.py")):
            needs = reader(texts.get(_join(place, name), ""))
            found.tools += needs.lines
            found.tool_files += needs.files
            found.needs_extras += needs.extras
            found.needs_groups += needs.groups
    return found


def _setup_cfg(text: str, found: Findings) -> None:
    parser = read_config(text)
    metadata, options = section(parser, "metadata"), section(parser, "options")
    found.name = found.name or metadata.get("name", "")
    version = metadata.get("version", "")
    kind, _, source = version.partition(":")
    if kind.strip() in {"attr", "file"}:
        found.version_sources.append(source.strip())
    else:
        found.version = found.version or version
    if "description" in metadata:
        found.headers.append(("Summary", metadata["description"].splitlines()[0]))
    found.runtime += text_list(options.get("install_requires", ""))
    found.extras.setdefault("tests", []).extend(text_list(options.get("tests_require", "")))
    for line in text_list(options.get("package_dir", "")):
        if line.startswith("="):
            found.roots.append(line[1:].strip())
    found.roots += text_list(section(parser, "options.packages.find").get("where", ""))
    for name, lines in section(parser, "options.extras_require").items():
        found.extras.setdefault(name, []).extend(text_list(lines))
    for group, lines in section(parser, "options.entry_points").items():
        found.entry_points.setdefault(group.strip(), {}).update(_points(text_list(lines)))


def _points(lines: list[str]) -> dict[str, str]:
    pairs = (line.partition("=") for line in lines if "=" in line)
    return {name.strip(): value.strip() for name, _, value in pairs}


def _setup_py(text: str, found: Findings) -> None:
    words = setup_keywords(text)
    name, version = words.get("name"), words.get("version")
    found.name = found.name or (name if isinstance(name, str) else "")
    found.version = found.version or (version if isinstance(version, str) else "")
    if isinstance(words.get("description"), str):
        found.headers.append(("Summary", words["description"].splitlines()[0]))
    found.runtime += text_list(words.get("install_requires"))
    found.extras.setdefault("tests", []).extend(text_list(words.get("tests_require")))
    for extra, lines in _dict(words.get("extras_require")).items():
        found.extras.setdefault(extra, []).extend(text_list(lines))
    root = _dict(words.get("package_dir")).get("")
    found.roots += [root] if isinstance(root, str) else []
    for group, points in _dict(words.get("entry_points")).items():
        found.entry_points.setdefault(group, {}).update(_points(text_list(points)))
    written = _dict(words.get("use_scm_version")).get("write_to")
    if isinstance(written, str):
        found.version_files.append((written, ""))
    if re.search(r"\b(?:ext_modules|cffi_modules|rust_extensions)\b", text):
        found.native.append("ext_modules")


def _dict(value: object) -> dict[str, object]:
    return value if isinstance(value, dict) else {}


def _requirement_lists(
    found: Findings, texts: Mapping[str, str], folder: str
) -> dict[str, list[str]]:
    """Raw lines by rung; extras that the project asks of itself are filled in."""
    files = [path for path in texts if _is_requirement_file(path)]
    has_source = {path.removesuffix(".in") for path in files if path.endswith(".in")}
    files = [path for path in files if path.removesuffix(".txt") not in has_source]
    extras = {name: list(lines) for name, lines in found.extras.items()}
    for name, sources in found.extra_files.items():
        for path in sources:
            extras.setdefault(name, []).extend(_read_file(texts, _join(folder, path)))
    groups = [*extras.items(), *found.groups.items()]
    plain = any(name.lower() in _PLAIN_TEST_NAMES for name, lines in groups if lines)
    needed = {*found.needs_extras, *found.needs_groups}
    tests = [line for name, lines in groups if is_test_name(name, plain=plain) for line in lines]
    others = [
        line
        for name, lines in groups
        if name in needed or not (_CHORE_NAME.search(name) or is_test_name(name, plain=plain))
        for line in lines
    ]
    runtime = [*found.runtime]
    for path in found.runtime_files:
        runtime += _read_file(texts, _join(folder, path))
    development = [*others, *found.tools]
    for path in dict.fromkeys([*(_join(folder, item) for item in found.tool_files), *files]):
        lines = _read_file(texts, path)
        if _TEST_NAME.search(PurePosixPath(path).stem):
            tests += lines
        elif not _CHORE_NAME.search(path):
            development += lines
    return {
        "runtime": _filled(runtime, extras, found.name),
        "tests": _filled(tests, extras, found.name),
        "development": _filled(development, extras, found.name),
    }


def is_test_name(name: str, *, plain: bool) -> bool:
    """Whether a group is for tests; where one is named plainly, only such ones count."""
    lowered = name.lower()
    return lowered in _PLAIN_TEST_NAMES or (
        not plain and _TEST_NAME.search(lowered) is not None and not _CHORE_NAME.search(lowered)
    )


def _filled(lines: list[str], extras: Mapping[str, list[str]], own_name: str) -> list[str]:
    """Add the lines of extras that lines such as ``pkg[tests]`` or ``.[tests]`` ask for."""
    known = {_normal(name): wanted for name, wanted in extras.items()}
    done: set[str] = set()
    full = list(lines)
    while asked := {_normal(name) for name in clean(full, own_name).own_extras} - done:
        for name in sorted(asked):
            full += known.get(name, [])
        done |= asked
    return full


def _normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def _read_file(
    texts: Mapping[str, str], path: str, above: frozenset[str] = frozenset()
) -> list[str]:
    if path in above:
        return []
    lines, included = file_lines(texts.get(path, ""))
    for name in included:
        inner = str(PurePosixPath(path).parent / name)
        lines += _read_file(texts, inner, above | {path})
    return lines


def import_roots(tree: frozenset[str], folder: str, stated: Iterable[str]) -> tuple[str, ...]:
    """Folders for PYTHONPATH: those stated that exist, else ``src`` or the top."""
    folders = {str(parent) for path in tree for parent in PurePosixPath(path).parents}
    real = [_join(folder, root) for root in stated]
    kept = [root for root in dict.fromkeys(real) if root in folders and ".." not in root]
    if kept:
        return tuple(kept)
    source = _join(folder, "src")
    holds_code = any(path.startswith(f"{source}/") and path.endswith(".py") for path in tree)
    is_package = f"{source}/__init__.py" in tree
    return (source,) if holds_code and not is_package else (folder or ".",)


def _version_in_code(
    found: Findings, texts: Mapping[str, str], folder: str, roots: tuple[str, ...]
) -> str:
    """Literal ``__version__`` in the files that usually hold it, stated ones first."""
    stated = [_join(folder, source) for source in found.version_sources if source.endswith(".py")]
    near = [path for path in texts if _may_hold_version(_inside(path, folder))]
    package = found.name.replace("-", "_").lower()
    near.sort(key=lambda path: (f"/{package}/" not in f"/{path.lower()}", path.count("/"), path))
    for path in dict.fromkeys([*stated, *near]):
        if path in stated or any(root == "." or path.startswith(f"{root}/") for root in roots):
            version = literal_version(texts.get(path, ""))
            if version:
                return version
    return ""


def literal_version(text: str) -> str:
    """Value of ``__version__`` or ``VERSION`` where it is a literal; else empty."""
    try:
        values = module_values(parse_python(text))
    except (SyntaxError, ValueError, RecursionError):
        return ""
    for name in ("__version__", "VERSION", "version"):
        if isinstance(values.get(name), str):
            return str(values[name])
    return ""
