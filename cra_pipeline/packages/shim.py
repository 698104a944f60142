"""What stands in for installing the project: metadata, scripts and generated version files.

The project's own code is found through PYTHONPATH, so that a change of the tree is a change of
what is tested. ``importlib.metadata``, plugins and console scripts need a ``*.dist-info`` beside
it, and some trees a version file that only a build writes.
"""

from __future__ import annotations

import re

from packaging.utils import canonicalize_name
from packaging.version import InvalidVersion, Version

from cra_pipeline.contracts.packages import TextFile
from cra_pipeline.packages.declared import Declared

UNKNOWN_VERSION = "0.0.0"
_TAG = re.compile(r"(?:[\w.-]*?[-_/])?[vV]?(?P<version>\d[^+]*)\Z")
_DESCRIBED = re.compile(r"(?P<tag>.+)-(?P<distance>\d+)-g(?P<node>[0-9a-f]+)\Z")


def version_of_description(text: str) -> str:
    """Version that a build from tags would give, from ``git describe --tags --long``.

    Right at a tag it is the tag's; behind it the next patch version with ``.devN``. Empty where
    the tag is no version.
    """
    match = _DESCRIBED.match(text.strip())
    tag = _TAG.match(match["tag"]) if match else None
    if match is None or tag is None:
        return ""
    try:
        version = Version(tag["version"].replace("_", "."))
    except InvalidVersion:
        return ""
    distance = int(match["distance"])
    return str(version) if not distance else f"{_next(version)}.dev{distance}"


def _next(version: Version) -> str:
    if version.is_prerelease or version.is_devrelease:
        kind, number = version.pre or ("", 0)
        return f"{version.base_version}{kind}{number + 1}" if kind else version.base_version
    *head, last = version.release
    return ".".join(str(number) for number in [*head, last + 1])


def project_version(declared: Declared, described: str) -> str:
    """Version of the project: from tags where it says so, else the static one, else either."""
    from_tags = version_of_description(described)
    ordered = [declared.version, from_tags]
    if declared.scm_version:
        ordered.reverse()
    for text in ordered:
        if text and _valid(text):
            return text
    return UNKNOWN_VERSION


def _valid(text: str) -> bool:
    try:
        Version(text)
    except InvalidVersion:
        return False
    return True


def shim_files(
    declared: Declared, version: str, top_level: tuple[str, ...]
) -> tuple[TextFile, ...]:
    """Files of ``/shim``, sorted by path; none where the project has no name.

    Args:
        declared: The project.
        version: Of ``project_version``.
        top_level: Its importable names.
    """
    if not declared.name:
        return ()
    stem = canonicalize_name(declared.name).replace("-", "_")
    info = f"{stem}-{version}.dist-info"
    files = {
        f"{info}/METADATA": _metadata(declared, version),
        f"{info}/top_level.txt": "".join(f"{name}\n" for name in top_level),
        f"{info}/INSTALLER": "cra_pipeline\n",
    }
    if declared.entry_points:
        files[f"{info}/entry_points.txt"] = _entry_points(declared)
    files |= {
        f"bin/{name}": script(value)
        for group, name, value in declared.entry_points
        if group in {"console_scripts", "gui_scripts"} and _callable(name, value)
    }
    return tuple(TextFile(path=path, text=text) for path, text in sorted(files.items()))


def _metadata(declared: Declared, version: str) -> str:
    lines = ["Metadata-Version: 2.1", f"Name: {declared.name}", f"Version: {version}"]
    lines += [f"{key}: {' '.join(value.split())}" for key, value in declared.headers]
    lines += [f"Requires-Dist: {line}" for line in declared.runtime]
    return "\n".join(lines) + "\n"


def _entry_points(declared: Declared) -> str:
    groups = dict.fromkeys(group for group, _, _ in declared.entry_points)
    blocks = []
    for group in groups:
        lines = [f"{name} = {value}" for at, name, value in declared.entry_points if at == group]
        blocks.append("\n".join([f"[{group}]", *lines]))
    return "\n\n".join(blocks) + "\n"


def _callable(name: str, value: str) -> bool:
    pattern = r"[A-Za-z_][\w.]*\s*:\s*[A-Za-z_][\w.]*\s*(?:\[[\w\s,.-]*\])?"
    return re.fullmatch(pattern, value) is not None and re.fullmatch(r"[\w.-]+", name) is not None


def script(value: str) -> str:
    """Text of a script that calls ``module:attribute`` with the environment's interpreter."""
    module, _, attribute = value.partition("[")[0].partition(":")
    first = attribute.strip().partition(".")[0]
    return (
        "#!/env/bin/python\n"
        "import sys\n"
        f"from {module.strip()} import {first}\n"
        'if __name__ == "__main__":\n'
        f"    sys.exit({attribute.strip()}())\n"
    )


def generated_files(declared: Declared, version: str, tree: frozenset[str]) -> tuple[TextFile, ...]:
    """Version files that a build would have written and the tree lacks, sorted by path."""
    files = {
        path: _version_text(template, version)
        for path, template in declared.version_files
        if path not in tree and ".." not in path.split("/") and not path.startswith("/")
    }
    return tuple(TextFile(path=path, text=text) for path, text in sorted(files.items()))


def _version_text(template: str, version: str) -> str:
    parts = tuple(_number(part) for part in version.split("+", maxsplit=1)[0].split("."))
    if template:
        return _fill(template, version, parts)
    return (
        f"__version__ = version = {version!r}\n"
        f"__version_tuple__ = version_tuple = {parts!r}\n"
        "__commit_id__ = commit_id = None\n"
    )


def _number(part: str) -> int | str:
    return int(part) if part.isdecimal() else part


def _fill(template: str, version: str, parts: tuple[int | str, ...]) -> str:
    filled = template.replace("{version}", version).replace("{version_tuple}", repr(parts))
    return filled.replace("{version!r}", repr(version)).replace("{{", "{").replace("}}", "}")
