"""``pyproject.toml``: the standard tables and those of the common build tools."""

from __future__ import annotations

import re
import tomllib
from pathlib import PurePosixPath
from typing import Any

from cra_pipeline.packages.findings import Findings
from cra_pipeline.packages.setupfiles import text_list
from cra_pipeline.packages.toolfiles import read_tox_table

_NATIVE_BACKENDS = ("maturin", "setuptools-rust", "setuptools_rust", "scikit-build", "mesonpy",
                    "meson-python", "cython", "cffi", "pybind11", "nanobind")  # fmt: skip


def read_pyproject(text: str, found: Findings) -> None:
    """Add what the file says; a damaged file says nothing."""
    try:
        document = tomllib.loads(text)
    except tomllib.TOMLDecodeError:
        return
    tool = table(document, "tool")
    _build_system(table(document, "build-system"), found)
    _project(table(document, "project"), found)
    for name, lines in expanded_groups(table(document, "dependency-groups")).items():
        found.groups.setdefault(name, []).extend(lines)
    _setuptools(tool, found)
    _hatch(table(tool, "hatch"), found)
    _poetry(table(tool, "poetry"), found)
    _small_tools(tool, found)
    needs = read_tox_table(table(tool, "tox"))
    found.tools += needs.lines
    found.tool_files += needs.files
    found.needs_extras += needs.extras
    found.needs_groups += needs.groups


def table(parent: dict[str, Any], *path: str) -> dict[str, Any]:
    """An inner table; empty where it is absent or of another type."""
    inner: Any = parent
    for key in path:
        inner = inner.get(key) if isinstance(inner, dict) else None
    return inner if isinstance(inner, dict) else {}


def _build_system(build: dict[str, Any], found: Findings) -> None:
    requires = text_list(build.get("requires"))
    found.build_requires += requires
    for line in requires:
        if line.lower().startswith(_NATIVE_BACKENDS):
            found.native.append(re.split(r"[^\w-]", line)[0])


def _project(project: dict[str, Any], found: Findings) -> None:
    found.name = found.name or str(project.get("name", ""))
    found.version = found.version or str(project.get("version", ""))
    found.runtime += text_list(project.get("dependencies"))
    for name, lines in table(project, "optional-dependencies").items():
        found.extras.setdefault(name, []).extend(text_list(lines))
    scripts = {"scripts": "console_scripts", "gui-scripts": "gui_scripts"}
    for key, group in scripts.items():
        _entry_points(found, group, table(project, key))
    for group, points in table(project, "entry-points").items():
        _entry_points(found, group, points)
    _headers(project, found)


def _entry_points(found: Findings, group: str, points: object) -> None:
    table_of_points = points if isinstance(points, dict) else {}
    named = {str(key): value for key, value in table_of_points.items() if isinstance(value, str)}
    if named:
        found.entry_points.setdefault(group, {}).update(named)


def _headers(project: dict[str, Any], found: Findings) -> None:
    plain = {"description": "Summary", "requires-python": "Requires-Python"}
    for key, header in plain.items():
        if isinstance(project.get(key), str):
            found.headers.append((header, project[key]))
    licence = project.get("license")
    if isinstance(licence, str):
        found.headers.append(("License-Expression", licence))
    for person in project.get("authors", []):
        if isinstance(person, dict):
            found.headers.append(_person(person))
    for label, address in table(project, "urls").items():
        found.headers.append(("Project-URL", f"{label}, {address}"))
    found.headers += [("Classifier", line) for line in text_list(project.get("classifiers"))]


def _person(person: dict[str, Any]) -> tuple[str, str]:
    name, email = str(person.get("name", "")), str(person.get("email", ""))
    if not email:
        return "Author", name
    return "Author-email", f"{name} <{email}>" if name else email


def expanded_groups(groups: dict[str, Any]) -> dict[str, list[str]]:
    """Dependency groups with every ``include-group`` replaced by what it includes.

    Names are compared in their normal form; a group that includes itself is cut there.
    """
    normal = {_normal(name): lines for name, lines in groups.items()}
    return {name: _group(normal, _normal(name), frozenset()) for name in groups}


def _normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def _group(groups: dict[str, Any], name: str, above: frozenset[str]) -> list[str]:
    lines: list[str] = []
    for item in groups.get(name, []) if name not in above else []:
        if isinstance(item, str):
            lines.append(item)
        elif isinstance(item, dict) and isinstance(item.get("include-group"), str):
            lines += _group(groups, _normal(item["include-group"]), above | {name})
    return lines


def _setuptools(tool: dict[str, Any], found: Findings) -> None:
    setuptools = table(tool, "setuptools")
    root = table(setuptools, "package-dir").get("")
    found.roots += [root] if isinstance(root, str) else []
    found.roots += text_list(table(setuptools, "packages", "find").get("where"))
    if setuptools.get("ext-modules"):
        found.native.append("ext-modules")
    dynamic = table(setuptools, "dynamic")
    found.runtime_files += _files(dynamic.get("dependencies"))
    for name, source in table(dynamic, "optional-dependencies").items():
        found.extra_files.setdefault(name, []).extend(_files(source))
    version = table(dynamic, "version")
    found.version_sources += [*_files(version), *text_list(version.get("attr"))]
    for key in ("setuptools_scm", "setuptools-scm", "vcs-versioning", "versioningit"):
        _written(table(tool, key), found)


def _files(source: object) -> list[str]:
    return text_list(source.get("file")) if isinstance(source, dict) else []


def _written(settings: dict[str, Any], found: Findings) -> None:
    for key in ("write_to", "version_file", "version-file"):
        path = settings.get(key)
        if isinstance(path, str):
            templates = ("write_to_template", "version_file_template", "template")
            template = next((settings[name] for name in templates if name in settings), "")
            found.version_files.append((path, str(template)))


def _hatch(hatch: dict[str, Any], found: Findings) -> None:
    _written(table(hatch, "build", "hooks", "vcs"), found)
    found.version_sources += text_list(table(hatch, "version").get("path"))
    found.native += [f"hatch {name}" for name in table(hatch, "build", "hooks") if "mypyc" in name]
    wheel = table(hatch, "build", "targets", "wheel")
    for path in (*text_list(wheel.get("packages")), *text_list(wheel.get("sources"))):
        root = PurePosixPath(path)
        found.roots.append(str(root if path in text_list(wheel.get("sources")) else root.parent))
    for name, settings in table(hatch, "envs").items():
        for key in ("dependencies", "extra-dependencies"):
            found.groups.setdefault(name, []).extend(text_list(table(settings).get(key)))
        if "test" in name or name == "default":
            found.needs_extras += text_list(table(settings).get("features"))
            found.needs_groups += text_list(table(settings).get("dependency-groups"))


def _poetry(poetry: dict[str, Any], found: Findings) -> None:
    if not poetry:
        return
    found.name = found.name or str(poetry.get("name", ""))
    found.version = found.version or str(poetry.get("version", ""))
    runtime, optional = poetry_lines(table(poetry, "dependencies"))
    found.runtime += runtime
    for name, wanted in table(poetry, "extras").items():
        chosen = [optional.get(item, item) for item in text_list(wanted)]
        found.extras.setdefault(name, []).extend(chosen)
    found.groups.setdefault("dev", []).extend(poetry_lines(table(poetry, "dev-dependencies"))[0])
    for name, group in table(poetry, "group").items():
        lines = poetry_lines(table(table(group), "dependencies"))[0]
        found.groups.setdefault(name, []).extend(lines)
    _entry_points(found, "console_scripts", table(poetry, "scripts"))
    for group, points in table(poetry, "plugins").items():
        _entry_points(found, group, points)
    for package in poetry.get("packages", []):
        if isinstance(package, dict) and isinstance(package.get("from"), str):
            found.roots.append(package["from"])
    if poetry.get("build"):
        found.native.append("poetry build script")


def poetry_lines(needs: dict[str, Any]) -> tuple[list[str], dict[str, str]]:
    """Requirement lines of a poetry table, and the optional ones by name."""
    lines: list[str] = []
    optional: dict[str, str] = {}
    for name, value in needs.items():
        if name == "python":
            continue
        detail = value[0] if isinstance(value, list) and value else value
        options = detail if isinstance(detail, dict) else {"version": detail}
        line = _poetry_line(name, options)
        if options.get("optional"):
            optional[name] = line
        else:
            lines.append(line)
    return lines, optional


def _poetry_line(name: str, options: dict[str, Any]) -> str:
    for key in ("git", "path", "url", "file"):
        if key in options:
            return f"{name} @ {key}+{options[key]}"
    extras = ",".join(text_list(options.get("extras")))
    marker = f" ; {options['markers']}" if options.get("markers") else ""
    bound = poetry_bound(str(options.get("version", "*")))
    return f"{name}{f'[{extras}]' if extras else ''}{bound}{marker}"


def poetry_bound(text: str) -> str:
    """A version bound of poetry as a standard specifier: ``^1.2`` is ``>=1.2,<2``."""
    parts = [_poetry_part(part.strip()) for part in text.split("||", maxsplit=1)[0].split(",")]
    return ",".join(part for part in parts if part)


def _poetry_part(part: str) -> str:
    numbers = [int(number) for number in re.findall(r"\d+", part)]
    if part in {"", "*"} or not numbers:
        return ""
    if part[0] == "^":
        fixed = next((place for place, number in enumerate(numbers) if number), len(numbers) - 1)
        return f">={part[1:].strip()},<{_bumped(numbers, fixed)}"
    if part[0] == "~" and part[1:2] != "=":
        return f">={part[1:].strip()},<{_bumped(numbers, min(1, len(numbers) - 1))}"
    return part if part[0] in "<>=!~" else f"=={part}"


def _bumped(numbers: list[int], place: int) -> str:
    return ".".join(str(number) for number in [*numbers[:place], numbers[place] + 1])


def _small_tools(tool: dict[str, Any], found: Findings) -> None:
    """flit, pdm, uv, rye, maturin: a few keys each."""
    flit = table(tool, "flit", "metadata")
    found.name = found.name or str(flit.get("dist-name", flit.get("module", "")))
    found.runtime += text_list(flit.get("requires"))
    for name, lines in table(flit, "requires-extra").items():
        found.extras.setdefault(name, []).extend(text_list(lines))
    _entry_points(found, "console_scripts", table(tool, "flit", "scripts"))
    for name, lines in table(tool, "pdm", "dev-dependencies").items():
        found.groups.setdefault(name, []).extend(text_list(lines))
    for key in ("uv", "rye"):
        lines = text_list(table(tool, key).get("dev-dependencies"))
        found.groups.setdefault("dev", []).extend(lines)
    pdm_version = table(tool, "pdm", "version")
    _written(pdm_version, found)
    found.version_sources += text_list(pdm_version.get("path"))
    found.roots += text_list(table(tool, "pdm", "build").get("package-dir"))
    found.roots += text_list(table(tool, "maturin").get("python-source"))
