"""Search/replace edits: the form in which a model answers, and the way back to files.

Pure. One answer is a sequence of blocks, applied in order to text as edited so far::

    <edit file="pkg/mod.py">
    <search>
    lines that occur exactly once
    </search>
    <replacement>
    lines that replace them
    </replacement>
    </edit>
    <create file="pkg/new.py">
    whole text
    </create>
    <delete file="pkg/old.py"/>

One newline after an opening tag and one before a closing tag belong to the form, not to the text.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence

from cra_pipeline.diffs import changes, lines_of

NEAR = 3
"""Changes fewer unchanged lines apart than this are one edit."""

_RESERVED = re.compile(r"</?(?:edit|search|replacement|create|delete)\b", re.IGNORECASE)
_BLOCK = re.compile(
    r'<edit file="(?P<edit>[^"\n]+)">\s*<search>\n(?P<search>.*?)\n</search>\s*'
    r"<replacement>\n(?P<replacement>.*?)\n</replacement>\s*</edit>"
    r'|<create file="(?P<create>[^"\n]+)">\n(?P<text>.*?)\n</create>'
    r'|<delete file="(?P<delete>[^"\n]+)"/>',
    re.DOTALL,
)


def render_edits(before: Mapping[str, str], after: Mapping[str, str]) -> str:
    """The answer that turns some files into others; ``apply_edits`` turns it back.

    Args:
        before: Earlier text by path; added files are absent.
        after: Later text by path; deleted files are absent.

    Raises:
        ValueError: A text or path holds one of the form's own tags, so it cannot be said.
    """
    blocks: list[str] = []
    for path in sorted({*before, *after}):
        blocks.extend(_blocks(path, before.get(path), after.get(path)))
    return "\n".join(blocks)


def _blocks(path: str, before: str | None, after: str | None) -> Iterator[str]:
    if before == after:
        return
    if '"' in path or "\n" in path:
        raise ValueError(f"{path!r}: a quote or line break in a path has no form as an edit")
    if after is None:
        yield f'<delete file="{path}"/>'
    elif not before:
        yield f'<create file="{path}">\n{_sayable(path, after)}\n</create>'
    else:
        for search, replacement in _replacements(before, after):
            said = _sayable(path, search), _sayable(path, replacement)
            yield (
                f'<edit file="{path}">\n<search>\n{said[0]}\n</search>\n'
                f"<replacement>\n{said[1]}\n</replacement>\n</edit>"
            )


def _sayable(path: str, text: str) -> str:
    found = _RESERVED.search(text)
    if found:
        raise ValueError(f"{path}: {found.group()!r} in its text has no form as an edit")
    return text


def _replacements(before: str, after: str) -> Iterator[tuple[str, str]]:
    current, target = lines_of(before), lines_of(after)
    shift = 0
    for old, new in _merged(before, after):
        start, stop = old.start + shift, old.stop + shift
        low, high = _unique_span(current, start, stop)
        lines = target[new.start : new.stop]
        yield (
            "".join(current[low:high]),
            "".join([*current[low:start], *lines, *current[stop:high]]),
        )
        current[start:stop] = lines
        shift += len(new) - len(old)


def _merged(before: str, after: str) -> Iterator[tuple[range, range]]:
    pending: tuple[range, range] | None = None
    for change in changes(before, after):
        if pending and change.old.start - pending[0].stop < NEAR:
            pending = (
                range(pending[0].start, change.old.stop),
                range(pending[1].start, change.new.stop),
            )
            continue
        if pending:
            yield pending
        pending = (change.old, change.new)
    if pending:
        yield pending


def _unique_span(lines: Sequence[str], start: int, stop: int) -> tuple[int, int]:
    """Grow a span by its neighbours until its text is not empty and occurs once."""
    whole = "".join(lines)
    low, high = start, stop
    while True:
        text = "".join(lines[low:high])
        if text and whole.find(text) == whole.rfind(text):
            return low, high
        low, high = max(low - 1, 0), min(high + 1, len(lines))


def apply_edits(files: Mapping[str, str], answer: str) -> dict[str, str]:
    """Files after an answer; all of it applies, or none.

    Args:
        files: Text by path.
        answer: What a model said; text around the blocks is ignored.

    Raises:
        ValueError: No block, a file that is missing or exists already, or a search text that does
            not occur exactly once at its turn.
    """
    edited = dict(files)
    blocks = list(_BLOCK.finditer(answer))
    if not blocks:
        raise ValueError("the answer holds no <edit>, <create> or <delete> block")
    for block in blocks:
        _apply(edited, block)
    return edited


def _apply(files: dict[str, str], block: re.Match[str]) -> None:
    if block["create"]:
        if files.get(block["create"]):
            raise ValueError(f"{block['create']}: exists already, so it cannot be created")
        files[block["create"]] = block["text"]
        return
    path = block["edit"] or block["delete"]
    if path not in files:
        raise ValueError(f"{path}: no such file, expected one of {sorted(files)}")
    if block["delete"]:
        del files[path]
        return
    text, search = files[path], block["search"]
    count = 0 if text.find(search) < 0 else 1 + (text.find(search) != text.rfind(search))
    if not search or count != 1:
        raise ValueError(f"{path}: search text {search[:60]!r} must occur once, occurs {count}+")
    files[path] = text.replace(search, block["replacement"])
