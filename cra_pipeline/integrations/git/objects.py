"""One long-lived ``git cat-file --batch``: file contents, and the names in a commit's tree.

Trees are read once per (tree, place): commits in a row share nearly all of theirs, which makes
this far cheaper than one ``git ls-tree`` per commit.
"""

from __future__ import annotations

import os
import sys
from collections import OrderedDict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from cra_pipeline.errors import GitError
from cra_pipeline.integrations.git.run import git_stream
from cra_pipeline.integrations.git.walk import text

_CACHED_TREES = 5_000


class ObjectReader:
    """Reads objects of one repository; made by ``object_reader``."""

    def __init__(self, repo: Path, ask: IO[bytes], answer: IO[bytes]) -> None:
        self._repo = repo
        self._ask = ask
        self._answer = answer
        self._trees: OrderedDict[tuple[str, str, int], tuple[str, ...]] = OrderedDict()

    def read(self, name: str) -> bytes:
        """Content of an object.

        Args:
            name: Object id, or an expression such as ``<commit>^{tree}`` without whitespace.

        Raises:
            GitError: The object is missing, as in a partial clone.
        """
        try:
            self._ask.write(name.encode() + b"\n")
            self._ask.flush()
        except BrokenPipeError as error:
            raise GitError(
                f"git cat-file in {self._repo} ended before {name} was read: is it a repository?"
            ) from error
        header = self._answer.readline().split()
        # The first word is the id, unless git answers ``<name> missing``.
        if len(header) != 3:  # noqa: PLR2004  # id, kind, size: the protocol of cat-file
            raise GitError(
                f"{self._repo}: object {name} is missing ({b' '.join(header).decode()}): the clone "
                "is partial or damaged; clone it again without --filter"
            )
        size = int(header[2])
        content = self._answer.read(size + 1)
        if len(content) <= size:
            raise GitError(f"{self._repo}: git cat-file broke off inside {name}; run it again")
        return content[:-1]

    def paths(self, commit: str, keep: Callable[[str], bool]) -> tuple[str, ...]:
        """Paths of the ordinary files in a commit's tree that ``keep`` accepts, in tree order.

        Args:
            commit: Commit id.
            keep: Pure; its answers are kept, so pass the same function every time.

        Raises:
            GitError: A tree is missing.
        """
        return self._listed(f"{commit}^{{tree}}", "", keep)

    def _below(self, tree: str, prefix: str, keep: Callable[[str], bool]) -> tuple[str, ...]:
        key = (tree, prefix, id(keep))
        if (known := self._trees.get(key)) is not None:
            self._trees.move_to_end(key)
            return known
        self._trees[key] = self._listed(tree, prefix, keep)
        if len(self._trees) > _CACHED_TREES:
            self._trees.popitem(last=False)
        return self._trees[key]

    def _listed(self, tree: str, prefix: str, keep: Callable[[str], bool]) -> tuple[str, ...]:
        found: list[str] = []
        for mode, name, oid in _entries(self.read(tree)):
            # The same few hundred paths come back in thousands of trees.
            path = sys.intern(prefix + text(name))
            if mode == b"40000":
                found.extend(self._below(oid.hex(), path + "/", keep))
            elif mode.startswith(b"100") and keep(path):
                found.append(path)
        return tuple(found)


@contextmanager
def object_reader(repo: Path) -> Iterator[ObjectReader]:
    """Hold one reader for the time of the block.

    Raises:
        GitError: Git ended with a failure.
    """
    theirs, ours = os.pipe()
    # Unbuffered: what a git that has ended did not take must not come up again at the close.
    ask = os.fdopen(ours, "wb", buffering=0)
    try:
        with git_stream(repo, "cat-file", "--batch", stdin=theirs) as answer:
            os.close(theirs)
            theirs = -1
            yield ObjectReader(repo, ask, answer)
            # Git ends when nobody can ask any more.
            ask.close()
    finally:
        ask.close()
        if theirs >= 0:
            os.close(theirs)


def _entries(content: bytes) -> Iterator[tuple[bytes, bytes, bytes]]:
    """Mode, name and raw id of each entry of a tree object."""
    position = 0
    while position < len(content):
        blank = content.index(b" ", position)
        end = content.index(b"\0", blank)
        # The ids are SHA-1; a SHA-256 repository is refused when its snapshot is made.
        yield content[position:blank], content[blank + 1 : end], content[end + 1 : end + 21]
        position = end + 21
