"""Search-and-replace edits: read from an answer and applied, all of them or none."""

from __future__ import annotations

import ast
import re
from pathlib import Path

_BLOCK = re.compile(r'<edit\s+file="([^"]+)">(.*?)</edit>', re.DOTALL)


def read_edits(answer: str) -> list[tuple[str, str, str]]:
    """Path, search and replacement of each block.

    Raises:
        ValueError: There is no block, or one is not whole.
    """
    found = [
        (path.strip(), _between(inner, "search"), _between(inner, "replacement"))
        for path, inner in _BLOCK.findall(answer)
    ]
    if not found or any(not search for _, search, _ in found):
        raise ValueError("the answer holds no edit, or one without a search text")
    return found


def _between(inner: str, tag: str) -> str:
    start, stop = inner.find(f"<{tag}>"), inner.rfind(f"</{tag}>")
    if start < 0 or stop <= start:
        raise ValueError(f"an edit without a whole <{tag}>")
    return inner[start + len(tag) + 2 : stop].removeprefix("\n").removesuffix("\n")


def apply_edits(repo: Path, edits: list[tuple[str, str, str]]) -> bool:
    """Write the new texts; nothing is written if one edit does not fit.

    Raises:
        ValueError: A path leads out of the repository.
    """
    texts: dict[Path, str] = {}
    for path, search, replacement in edits:
        place = (repo / path).resolve()
        if not place.is_relative_to(repo.resolve()):
            raise ValueError(f"{path}: outside of the repository")
        if place not in texts:
            if not place.is_file():
                return False
            texts[place] = place.read_text(encoding="utf-8")
        if texts[place].count(search) != 1:
            return False
        texts[place] = texts[place].replace(search, replacement, 1)
    for place, text in texts.items():
        place.write_text(text, encoding="utf-8")
    return True


def document(place: Path, answer: str) -> bool:
    """Apply an answer to a documentation call if it changes no code."""
    if "<edit" not in answer:
        return False
    old = new = place.read_text(encoding="utf-8")
    for _, search, replacement in read_edits(answer):
        if new.count(search) != 1:
            return False
        new = new.replace(search, replacement, 1)
    try:
        same = _code(old) == _code(new)
    except SyntaxError:
        return False
    if same:
        place.write_text(new, encoding="utf-8")
    return same


def _code(text: str) -> str:
    tree = ast.parse(text)
    for node in ast.walk(tree):
        body = getattr(node, "body", None)
        if (
            isinstance(body, list) and body and isinstance(body[0], ast.Expr)
            and isinstance(body[0].value, ast.Constant) and isinstance(body[0].value.value, str)
        ):  # fmt: skip
            del body[0]
    return ast.dump(tree)
