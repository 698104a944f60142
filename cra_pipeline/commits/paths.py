"""What a path says about a file: test, scaffolding, documentation or continuous integration.

Judged by path alone, never by the words of a message: "Add support for links" is no
documentation, and a package may well hold a module named ``docs``.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache

_TEST_FOLDERS = {"test", "tests", "testdata", "test-data", "test_data", "_tests", "unittests"}
_TEST_MODULE = re.compile(r"(test_.*|.*_tests?|conftest|tests)\.py\Z")

_SCAFFOLD_FOLDERS = {
    "docs", "doc", "documentation", "website", "examples", "example", "scripts", "script", "tools",
    "tooling", "benchmarks", "benchmark", "bench", "perf", "profiling", "misc", "release", "ci",
    "docker", "notebooks",
}  # fmt: skip
_SCAFFOLD_MODULE = re.compile(
    r"(setup|noxfile|tasks|fabfile|versioneer|runtests|bootstrap|ez_setup|release|pavement)\.py\Z"
)

_DOC_FOLDERS = {"docs", "doc", "documentation", "website", "changelog.d", "news", "newsfragments"}
_DOC_SUFFIXES = (".md", ".rst", ".adoc", ".ipynb", ".1")
_DOC_FILE = re.compile(
    r"(readme|changelog|changes|history|news|release|release_notes|authors|contributors|copying|"
    r"contributing|code_of_conduct|security|licen[cs]e|notice|citation|credits|thanks|todo|faq|"
    r"maintainers|governance|backers|upgrading)(\.\w+)?\Z",
    re.IGNORECASE,
)

_CI_FOLDERS = {
    ".github",
    ".circleci",
    ".gitlab",
    ".azure-pipelines",
    ".buildkite",
    ".ci",
    ".travis",
}
_CI_FILE = re.compile(
    r"(\.travis\.ya?ml|\.?appveyor\.ya?ml|azure-pipelines.*\.ya?ml|\.gitlab-ci\.ya?ml|"
    r"\.cirrus\.ya?ml|jenkinsfile|\.?codecov\.ya?ml|\.coveragerc|\.pre-commit-config\.ya?ml|"
    r"\.pre-commit-hooks\.ya?ml|\.readthedocs\.ya?ml|tox\.ini|noxfile\.py|\.gitignore|\.mailmap|"
    r"\.git-blame-ignore-revs|\.editorconfig|\.gitattributes|dependabot\.ya?ml|\.lgtm\.ya?ml|"
    r"\.gitpod\.ya?ml|\.gitpod\.dockerfile|zizmor\.ya?ml)\Z",
    re.IGNORECASE,
)


_BINARY_SUFFIXES = (
    ".png", ".jpg", ".jpeg", ".gif", ".ico", ".pdf", ".zip", ".gz", ".bz2", ".xz", ".tar", ".whl",
    ".exe", ".dll", ".so", ".pyd", ".pyc", ".woff", ".woff2", ".ttf", ".mo", ".sqlite", ".db",
    ".webp", ".mp4", ".wav", ".pickle", ".pkl", ".npy", ".parquet", ".jar", ".bundle",
)  # fmt: skip


def is_surely_binary(path: str) -> bool:
    """Whether the suffix settles that the file holds no text, so that nobody needs to read it."""
    return path.lower().endswith(_BINARY_SUFFIXES)


def is_python(path: str) -> bool:
    """Whether the path names a ``.py`` file; stubs (``.pyi``) do not count."""
    return path.endswith(".py")


@lru_cache(maxsize=65_536)
def is_test(path: str) -> bool:
    """Whether the file belongs to the tests: their modules, support files or data."""
    *folders, name = path.split("/")
    if _TEST_FOLDERS.intersection(folders) or folders[:1] == ["testing"]:
        return True
    return bool(_TEST_MODULE.match(name)) or path == "test.py"


def is_scaffolding(path: str) -> bool:
    """Whether a ``.py`` file serves the project and is no part of what it ships."""
    *folders, name = path.split("/")
    if _in_top(folders, _SCAFFOLD_FOLDERS) or (folders and folders[0].startswith(".")):
        return True
    # Deeper down, ``setup.py`` and its like are ordinary modules of a package.
    return len(_project_folders(folders)) == 0 and bool(_SCAFFOLD_MODULE.match(name))


def is_documentation(path: str) -> bool:
    """Whether the file is read by people only."""
    *folders, name = path.split("/")
    if is_test(path):
        return False
    if _in_top(folders, _DOC_FOLDERS):
        return True
    if is_python(path):
        return False
    return name.lower().endswith(_DOC_SUFFIXES) or bool(_DOC_FILE.match(name))


def is_ci(path: str) -> bool:
    """Whether the file steers continuous integration or the developers' own machines."""
    *folders, name = path.split("/")
    return bool(_CI_FOLDERS.intersection(folders[:1])) or bool(_CI_FILE.match(name))


@dataclass(frozen=True, slots=True)
class SortedPaths:
    """Changed paths by what they are, each group sorted."""

    sources: tuple[str, ...]
    """``.py`` files that the project ships."""
    tests: tuple[str, ...]
    """``.py`` files of the tests, their support files included."""
    others: tuple[str, ...]
    """Everything else: scaffolding such as ``setup.py``, data, documents."""


def sort_paths(paths: Iterable[str]) -> SortedPaths:
    """Group changed paths."""
    sources: list[str] = []
    tests: list[str] = []
    others: list[str] = []
    for path in sorted(set(paths)):
        if not is_python(path):
            others.append(path)
        elif is_test(path):
            tests.append(path)
        else:
            (others if is_scaffolding(path) else sources).append(path)
    return SortedPaths(tuple(sources), tuple(tests), tuple(others))


def _project_folders(folders: list[str]) -> list[str]:
    """Folders below the project's own root; a monorepo's ``my-project/`` cannot be a package."""
    return folders[1:] if folders and "-" in folders[0] else folders


def _in_top(folders: list[str], names: set[str]) -> bool:
    return bool(folders) and (
        folders[0] in names or bool(names.intersection(_project_folders(folders)[:1]))
    )
