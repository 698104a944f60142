"""What a text gives away of a solution: its code, its new names, and where to look it up. Pure."""

from __future__ import annotations

import io
import keyword
import re
import tokenize
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import PurePosixPath

from cra_pipeline.diffs import changes, lines_of
from cra_pipeline.harness.statement import statement

_TOKEN = re.compile(r"\w+|[^\w\s]")
_WORD = re.compile(r"\w+(?:-\w+)*")
_NAME = re.compile(r"[A-Za-z_][\w-]*(?:\.[\w-]+)*")


@dataclass(frozen=True, slots=True, kw_only=True)
class DisclosurePolicy:
    """From which size on a likeness is no chance.

    Attributes:
        line_tokens: Added lines of fewer tokens are too common to betray anything.
        sequence: So many tokens in a row, as in the added lines, are code of the solution.
        name_letters: Shorter new names are words like any other.
    """

    line_tokens: int = 3
    sequence: int = 6
    name_letters: int = 3


def disclosures(
    text: str,
    *,
    original: str,
    before: Mapping[str, str],
    after: Mapping[str, str],
    policy: DisclosurePolicy,
) -> tuple[str, ...]:
    """Everything in ``text`` that only somebody who knows the solution could say.

    What the original statement says too is no disclosure. Spelling a new name with other capitals
    or separators does not hide it.

    Args:
        text: To be judged.
        original: The statement that everybody has.
        before: Earlier text of the changed files by path; added files are absent.
        after: Their later text; deleted files are absent.
        policy: Sizes.

    Returns:
        Sorted findings such as ``line: return sum(prices)`` or ``name: percent_off``; empty where
        the text is clean.
    """
    added = [_plain(line) for line in _added(before, after)]
    found = {
        *(f"line: {line}" for line in _lines(text, original, added, policy)),
        *(f"sequence: {' '.join(row)}" for row in _sequences(text, original, added, policy)),
        *(f"name: {name}" for name in _names(text, original, before, after, policy)),
    }
    if _plain(statement(text)) != _plain(text):
        found.add("pointer: an id, a hash, a link or a person")
    if "```" in text:
        found.add("block: fenced code")
    return tuple(sorted(found))


def _plain(text: str) -> str:
    return " ".join(text.split())


def _added(before: Mapping[str, str], after: Mapping[str, str]) -> Iterator[str]:
    for path in sorted(after):
        lines = lines_of(after[path])
        for change in changes(before.get(path, ""), after[path]):
            yield from lines[change.new.start : change.new.stop]


def _lines(
    text: str, original: str, added: Iterable[str], policy: DisclosurePolicy
) -> Iterator[str]:
    said, known = _plain(text), _plain(original)
    for line in added:
        long = len(_TOKEN.findall(line)) >= policy.line_tokens
        if long and line in said and line not in known:
            yield line


def _sequences(
    text: str, original: str, added: Iterable[str], policy: DisclosurePolicy
) -> set[tuple[str, ...]]:
    solution = _rows(" ".join(added), policy.sequence)
    return (_rows(text, policy.sequence) & solution) - _rows(original, policy.sequence)


def _rows(text: str, length: int) -> set[tuple[str, ...]]:
    tokens = _TOKEN.findall(text.casefold())
    return {tuple(tokens[at : at + length]) for at in range(len(tokens) - length + 1)}


def _names(
    text: str,
    original: str,
    before: Mapping[str, str],
    after: Mapping[str, str],
    policy: DisclosurePolicy,
) -> Iterator[str]:
    known = words(" ".join([original, *before, *before.values()]))
    said = words(text)
    for name in _new_names(before, after):
        bare = _bare(name)
        if len(bare) >= policy.name_letters and bare in said and bare not in known:
            yield name


def words(text: str) -> frozenset[str]:
    """Words of a text, without capitals and separators: ``Percent-off`` is ``percentoff``.

    The parts of a hyphenated word count beside the whole: in code the hyphen is a minus.
    """
    found = _WORD.findall(text)
    return frozenset(_bare(part) for word in found for part in [word, *word.split("-")])


def _bare(name: str) -> str:
    return name.replace("_", "").replace("-", "").casefold()


def _new_names(before: Mapping[str, str], after: Mapping[str, str]) -> set[str]:
    """Names in the changed files, and those of files that the solution adds."""
    found = {PurePosixPath(path).stem for path in set(after) - set(before)}
    for path, text in after.items():
        if text != before.get(path):
            found.update(_names_of_python(text) if path.endswith(".py") else _WORD.findall(text))
    return {name for name in found if not keyword.iskeyword(name)}


def _names_of_python(text: str) -> Iterator[str]:
    """Identifiers, and strings that look like one: keys and options are names too."""
    try:
        for token in tokenize.generate_tokens(io.StringIO(text).readline):
            if token.type == tokenize.NAME:
                yield token.string
            elif token.type == tokenize.STRING:
                inner = token.string.strip("rbuRBU").strip("\"'").lstrip("-")
                yield from inner.split(".") if _NAME.fullmatch(inner) else ()
    except (tokenize.TokenError, SyntaxError):
        yield from _WORD.findall(text)
