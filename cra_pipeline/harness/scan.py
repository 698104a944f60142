"""The last look at a change that passed: does it reach for the judge instead of the task?

Pure. Paths and kinds of files are judged here, added Python code in ``scan_code``. What a file
had before is allowed there, and elsewhere as often as the change took it away, so that ordinary
work on such code is not refused; what nobody can read is refused. The
scan runs after the tests were judged: it only turns a pass into a refusal.
"""

from __future__ import annotations

import configparser
import sys
import tomllib
from collections import Counter
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from pathlib import PurePosixPath

from cra_pipeline.diffs import Blob
from cra_pipeline.harness.scan_code import Reach, reaches, readable
from cra_pipeline.harness.selection import CONFIG_FILES, is_guarded, module_names

_LINKS = {"120000": "symlink", "160000": "submodule"}
_JUDGES = frozenset({"pytest", "_pytest", "pluggy", "iniconfig", "packaging", "unittest", "py"})
_COMPILED = (".so", ".pyd", ".pyc", ".pyo")
# Nothing runs these, and documentation is full of them.
_PICTURES = (".png", ".jpg", ".jpeg", ".gif", ".ico", ".webp", ".pdf", ".woff", ".woff2", ".ttf")
_MAGIC = (b"\x7fELF", b"PK\x03\x04")
_ZIP_END = b"PK\x05\x06"
_ZIP_TAIL = 22 + 0xFFFF
"""Bytes at the end among which a zip's directory must start, comment included."""
_SECTIONS = {"setup.cfg": "tool:pytest", "tox.ini": "pytest"}


@dataclass(frozen=True, slots=True, order=True)
class Finding:
    """One reason to refuse a change.

    Attributes:
        path: File of the change.
        line: Line of its new text, from 1; 0 where the whole file is meant.
        rule: Short code, such as ``always_equal``.
        found: What was seen, such as a dotted name.
    """

    path: str
    line: int
    rule: str
    found: str

    def __str__(self) -> str:
        """As evidence: ``path:line: rule: found``."""
        return f"{self.path}:{self.line}: {self.rule}: {self.found}"


def scan_change(
    before: Mapping[str, Blob],
    after: Mapping[str, Blob],
    *,
    protected: Collection[str],
    import_roots: Collection[str],
) -> tuple[Finding, ...]:
    """Everything about a change that is no honest work, sorted by path and line.

    Args:
        before: Earlier content of every path of the change; added ones are absent.
        after: Later content; deleted paths are absent.
        protected: The task's protected files; changing one is a finding by itself.
        import_roots: Folders from which the tree's modules are imported.
    """
    changed = sorted(path for path in {*before, *after} if before.get(path) != after.get(path))
    shadowed = {*import_roots, *(str(PurePosixPath(path).parent) for path in protected)}
    own = frozenset(
        name.partition(".")[0] for path in changed for name in module_names(path, import_roots)
    )
    findings: list[Finding] = []
    for path in changed:
        old, new = before.get(path), after.get(path)
        findings += _of_place(path, old, new, protected)
        if new is None:
            continue
        findings += _of_kind(path, old, new)
        if old is None:
            findings += _of_name(path, shadowed)
    findings += _of_code(changed, before, after, own)
    return tuple(sorted({*findings}))


def _of_code(
    changed: Collection[str],
    before: Mapping[str, Blob],
    after: Mapping[str, Blob],
    own: frozenset[str],
) -> Iterator[Finding]:
    """What Python files reach for that they did not before, and that did not move there."""
    paths = [path for path in changed if path.endswith(".py")]
    old = {path: _reaches(before.get(path), own) for path in paths}
    new = {path: _reaches(after.get(path), own) for path in paths}
    moved: Counter[tuple[str, str]] = Counter()
    for path in paths:
        moved += _counted(old[path]) - _counted(new[path])
    for path in paths:
        blob, earlier = after.get(path), before.get(path)
        refused_before = earlier is not None and not readable(earlier.content)
        if blob is not None and not refused_before and not readable(blob.content):
            yield Finding(path, 0, "unreadable", "no Python that can be judged")
        had = _counted(old[path])
        for reach in new[path]:
            key = (reach.rule, reach.found)
            if key in had:
                continue
            if moved[key] > 0:
                moved[key] -= 1
            else:
                yield Finding(path, reach.line, reach.rule, reach.found)


def _reaches(blob: Blob | None, own: frozenset[str]) -> tuple[Reach, ...]:
    return () if blob is None else reaches(blob.content, own)


def _counted(found: Collection[Reach]) -> Counter[tuple[str, str]]:
    return Counter((reach.rule, reach.found) for reach in found)


def _of_place(
    path: str, old: Blob | None, new: Blob | None, protected: Collection[str]
) -> Iterator[Finding]:
    """The place is the judge's: tests, settings of pytest, start-up hooks."""
    name = PurePosixPath(path).name
    if name in CONFIG_FILES:
        if pytest_settings(name, old) != pytest_settings(name, new):
            yield Finding(path, 0, "test_settings", "settings of pytest")
    elif path in protected or is_guarded(path):
        yield Finding(path, 0, "guarded_file", "belongs to the tests or to start-up")


def _of_kind(path: str, old: Blob | None, new: Blob) -> Iterator[Finding]:
    """Links and content that no reader can judge."""
    if new.mode in _LINKS and (old is None or old.mode != new.mode or old != new):
        yield Finding(path, 0, _LINKS[new.mode], "leads out of the change")
    elif _is_program(new.content):
        yield Finding(path, 0, "binary", "holds code, whatever its name")
    elif path.endswith(_COMPILED) or (b"\0" in new.content and not path.endswith(_PICTURES)):
        yield Finding(path, 0, "binary", "cannot be read")


def _is_program(content: bytes) -> bool:
    """Whether a loader would take it: ELF at the start, a zip's directory at the end."""
    return content.startswith(_MAGIC) or _ZIP_END in content[-_ZIP_TAIL:]


def _of_name(path: str, folders: Collection[str]) -> Iterator[Finding]:
    """A new module under a name that the judge or the library already uses."""
    place = PurePosixPath(path)
    if place.name == "__init__.py":
        place = place.parent
    elif place.suffix != ".py":
        return
    if str(place.parent) in {str(PurePosixPath(folder)) for folder in folders} and (
        place.stem in _JUDGES or place.stem in sys.stdlib_module_names
    ):
        yield Finding(path, 0, "shadowed_module", place.stem)


def pytest_settings(name: str, blob: Blob | None) -> object:
    """What pytest would read from a file; the whole content where it cannot be parsed.

    Args:
        name: The file's name, one of ``CONFIG_FILES``.
        blob: Its content; None where there is no such file.
    """
    content = b"" if blob is None else blob.content
    try:
        if name == "pyproject.toml":
            tool = tomllib.loads(content.decode()).get("tool", {})
            return {key: value for key, value in tool.items() if key.startswith("pytest")}
        if name in _SECTIONS:
            return _section(content.decode(), _SECTIONS[name])
    except (ValueError, AttributeError, configparser.Error):
        return content
    # Even an empty pytest.ini makes pytest look no further.
    return None if blob is None else content


def _section(text: str, section: str) -> dict[str, str]:
    parser = configparser.RawConfigParser(strict=False)
    parser.read_string(text)
    return dict(parser.items(section)) if parser.has_section(section) else {}
