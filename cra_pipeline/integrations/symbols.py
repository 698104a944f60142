"""Changed functions, methods and classes of a commit, by PyDriller.

PyDriller names a method without its class and takes equal names for one; here its methods and
its diff lines are joined again under qualified names, and classes are added for lines that
belong to no method. Its ``Git`` and ``Commit`` are left aside: the one writes into the clone's
settings, the other reads the differences of files that are no Python.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal

from cra_pipeline.contracts.commits import ChangedSymbol
from cra_pipeline.errors import GitError
from cra_pipeline.integrations.git.run import environment

_HEADER = re.compile(r"(?P<indent>[ \t]*)(?P<kind>async[ \t]+def|def|class)[ \t]+(?P<name>\w+)")
_CLOSING = (")", "]", "}", '"""', "'''")


class SymbolReader:
    """Reads changed symbols of one repository; made by ``symbol_reader``."""

    def __init__(self, repo: Any) -> None:  # noqa: ANN401  # GitPython's Repo, imported late
        self._repo = repo

    def changed(self, sha: str) -> tuple[ChangedSymbol, ...]:
        """Symbols whose lines a commit changed, sorted; of ``.py`` files only.

        Raises:
            GitError: An object is missing; the message carries git's words.
        """
        from git.exc import GitError as GitPythonError
        from gitdb.exc import ODBError  # type: ignore[import-untyped]  # publishes no types

        from cra_pipeline.integrations.focus import FocusedFile

        try:
            commit = self._repo.commit(sha)
            diffs = commit.parents[0].diff(commit, paths=["*.py"], create_patch=True)
            found = {symbol for diff in diffs for symbol in _of_file(FocusedFile(diff))}
        except (GitPythonError, ODBError, ValueError) as error:
            raise GitError(
                f"{self._repo.git_dir}: symbols of commit {sha} cannot be read ({error}): the "
                "clone is partial or damaged; clone it again without --filter"
            ) from error
        return tuple(sorted(found, key=lambda item: (item.path, item.name, item.change)))


@contextmanager
def symbol_reader(repo: Path) -> Iterator[SymbolReader]:
    """Hold one reader for the time of the block; its git processes end with it."""
    from git import Repo

    opened = Repo(repo)
    opened.git.update_environment(**environment())
    try:
        yield SymbolReader(opened)
    finally:
        opened.close()


def _of_file(file: Any) -> Iterator[ChangedSymbol]:  # noqa: ANN401  # PyDriller is untyped
    before = _Outline(file.whole[0], file.methods_before)
    after = _Outline(file.whole[1], file.methods)
    path = str(file.new_path or file.old_path).encode("utf-8", "backslashreplace").decode()
    for name in before.owners(file.deleted) | after.owners(file.added):
        yield ChangedSymbol(path=path, name=name, change=_change(name, before, after))


def _change(
    name: str, before: _Outline, after: _Outline
) -> Literal["added", "modified", "deleted"]:
    if name in before.names and name in after.names:
        return "modified"
    return "added" if name in after.names else "deleted"


class _Outline:
    """Which symbol each line of a text belongs to.

    What stands inside a function belongs to that function: its locals have no name of their own.
    """

    def __init__(self, text: str, methods: Iterable[Any]) -> None:
        headers, self._owners = _scan(text)
        self.names = frozenset(headers.values())
        # The outermost function wins: spans are asked in the order in which they start.
        self._spans = sorted(
            (method.start_line, method.end_line, headers.get(method.start_line, method.name))
            for method in methods
        )

    def owners(self, numbers: Iterable[int]) -> set[str]:
        """Symbols that own the given lines; lines at module level belong to none."""
        return {owner for number in numbers if (owner := self._owner(number))}

    def _owner(self, number: int) -> str:
        for start, end, name in self._spans:
            if start <= number <= end:
                return str(name)
            if start > number:
                break
        return self._owners.get(number, "")


def _scan(text: str) -> tuple[dict[int, str], dict[int, str]]:
    """Qualified name by header line, and by every line inside a definition."""
    headers: dict[int, str] = {}
    owners: dict[int, str] = {}
    # Open blocks as (indent, qualified name, whether a class).
    blocks: list[tuple[int, str, bool]] = []
    for number, line in enumerate(text.split("\n"), 1):
        bare = line.lstrip()
        if not bare or bare.startswith(_CLOSING):
            continue
        indent = len(line) - len(bare)
        while blocks and blocks[-1][0] >= indent:
            blocks.pop()
        if header := _HEADER.match(line):
            is_class = header["kind"] == "class" and (not blocks or blocks[-1][2])
            headers[number] = _qualified(blocks, header["name"])
            blocks.append((indent, headers[number], is_class))
        if blocks:
            owners[number] = blocks[-1][1]
    return headers, owners


def _qualified(blocks: list[tuple[int, str, bool]], name: str) -> str:
    if not blocks:
        return name
    _, outer, is_class = blocks[-1]
    return f"{outer}.{name}" if is_class else outer
