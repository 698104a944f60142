"""From edits to trees: the whole content of every commit of a recipe."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping
from dataclasses import dataclass, replace

from cra_pipeline.corpus.recipe_format import CommitRecipe, Edit, Recipe

_FILE, _SCRIPT, _LINK, _COMMIT = "100644", "100755", "120000", "160000"


@dataclass(frozen=True, slots=True)
class Blob:
    """What git stores at one path.

    Attributes:
        mode: Git's file mode.
        content: Bytes of the file, target of the link, or hexadecimal id of the submodule.
        newline: Line end of a text file; kept by later edits.
        encoding: Encoding of a text file; kept by later edits.
    """

    mode: str
    content: bytes
    newline: str = "lf"
    encoding: str = "utf-8"

    def text(self) -> str:
        """Decoded, with LF line ends."""
        text = self.content.decode(self.encoding)
        return text.replace("\r\n", "\n") if self.newline == "crlf" else text

    def with_text(self, text: str) -> Blob:
        """The same file with other text, stored as this one is."""
        stored = text.replace("\n", "\r\n") if self.newline == "crlf" else text
        return replace(self, content=stored.encode(self.encoding))


Tree = Mapping[str, Blob]


def trees_of(recipe: Recipe) -> dict[str, Tree]:
    """Tree of every commit, by the commit's id, in the recipe's order.

    A merge starts from its first parent, takes what the others changed since they parted, file by
    file, and then applies its own edits.

    Raises:
        ValueError: An edit or a parent does not fit; the message names file and commit.
    """
    trees: dict[str, Tree] = {}
    ancestors: dict[str, frozenset[str]] = {}
    for number, commit in enumerate(recipe.commits):
        parents = recipe.parents(number)
        try:
            _require_known(commit, parents, trees)
            trees[commit.id] = _tree(commit, parents, trees, ancestors)
        except ValueError as error:
            raise ValueError(f"{recipe.where}: commit {commit.id!r}: {error}") from error
        older = frozenset().union(*(ancestors[parent] for parent in parents))
        ancestors[commit.id] = older | {commit.id}
    _require_reached(recipe, ancestors)
    return trees


def _require_known(
    commit: CommitRecipe, parents: tuple[str, ...], trees: Mapping[str, Tree]
) -> None:
    if commit.id in trees:
        raise ValueError("the id is taken by an earlier commit: ids are unique in a recipe")
    for name in (*parents, *commit.window):
        if name not in trees:
            raise ValueError(f"{name!r} is no earlier commit of this recipe")


def _require_reached(recipe: Recipe, ancestors: Mapping[str, frozenset[str]]) -> None:
    if not recipe.commits:
        raise ValueError(f"{recipe.where}: no [[commits]]: a recipe has at least one")
    lost = set(ancestors) - ancestors[recipe.commits[-1].id]
    if lost:
        raise ValueError(
            f"{recipe.where}: commit {min(lost)!r} is not reached by the last commit: merge it"
        )


def _tree(
    commit: CommitRecipe,
    parents: tuple[str, ...],
    trees: Mapping[str, Tree],
    ancestors: Mapping[str, frozenset[str]],
) -> Tree:
    tree = dict(trees[parents[0]]) if parents else {}
    edited = {edit.stored_path for edit in commit.edits}
    for other in parents[1:]:
        shared = ancestors[other] & ancestors[parents[0]]
        # Ids are inserted in the recipe's order, so the youngest shared ancestor is the last one.
        fork = max(shared, key=list(trees).index, default=None)
        _take_over(tree, trees[other], trees[fork] if fork else {}, edited)
    for edit in commit.edits:
        _apply(tree, edit.stored_path, edit)
    return dict(sorted(tree.items()))


def _take_over(tree: dict[str, Blob], theirs: Tree, fork: Tree, edited: set[str]) -> None:
    """Bring the changes from ``fork`` to ``theirs`` into ``tree``."""
    for path in sorted(set(theirs) | set(fork)):
        new, old, ours = theirs.get(path), fork.get(path), tree.get(path)
        if new in {old, ours} or path in edited:
            continue
        if ours != old:
            raise ValueError(f"{path} changed on both sides: give its merged text as an edit")
        _put(tree, path, new)


def _put(tree: dict[str, Blob], path: str, blob: Blob | None) -> None:
    if blob is None:
        tree.pop(path, None)
    else:
        tree[path] = blob


def _apply(tree: dict[str, Blob], path: str, edit: Edit) -> None:
    if edit.operation == "rename_from":
        tree[path] = _present(tree, edit.rename_from or "")
        del tree[edit.rename_from or ""]
    elif edit.operation == "delete":
        _present(tree, path)
        del tree[path]
    elif edit.operation in {"search", "append"}:
        blob = _present(tree, path)
        tree[path] = blob.with_text(_edited(blob.text(), edit))
    else:
        tree[path] = _written(edit)


def _present(tree: Mapping[str, Blob], path: str) -> Blob:
    if path not in tree:
        raise ValueError(f"{path} is not in the tree: write it first")
    return tree[path]


def _edited(text: str, edit: Edit) -> str:
    if edit.append is not None:
        return text + edit.append
    found = text.count(edit.search or "") if edit.search else 0
    if found != 1:
        raise ValueError(
            f"{edit.path}: the search text occurs {found} times, expected once: {edit.search!r}"
        )
    return text.replace(edit.search or "", edit.replace or "")


def _written(edit: Edit) -> Blob:
    if edit.symlink is not None:
        return Blob(_LINK, edit.symlink.encode())
    if edit.gitlink is not None:
        return Blob(_COMMIT, edit.gitlink.encode())
    mode = _SCRIPT if edit.executable else _FILE
    if edit.base64 is not None:
        return Blob(mode, _decoded(edit))
    return Blob(mode, b"", edit.newline, edit.encoding).with_text(edit.write or "")


def _decoded(edit: Edit) -> bytes:
    try:
        return base64.b64decode("".join((edit.base64 or "").split()), validate=True)
    except binascii.Error as error:
        raise ValueError(f"{edit.path}: no base64 ({error})") from error
