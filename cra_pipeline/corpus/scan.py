"""A light security scan of what comes in: pure rules over the entries and blobs of a pinned tree.

Findings are flags for a person and stop nothing: the sandbox keeps foreign code in, whatever it
says. What a model will read (comments, docstrings, documents) is searched for text that hides
from the eye or gives orders.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from cra_pipeline.contracts.sources import ScanFinding, ScanReport


@dataclass(frozen=True, slots=True, kw_only=True)
class ScanPolicy:
    """Numbers of the scan.

    Attributes:
        large_bytes: A file above is flagged.
        read_bytes: A file above is flagged and not read.
        kept: Findings kept per rule; the counts stay whole.
    """

    large_bytes: int = 500_000
    read_bytes: int = 8_000_000
    kept: int = 50


@dataclass(frozen=True, slots=True)
class TreeEntry:
    """One line of ``git ls-tree -r --long``."""

    mode: str
    oid: str
    size: int
    """Bytes; 0 for a submodule."""
    path: str
    """Undecodable bytes as backslash escapes."""


_SYMLINK, _SUBMODULE = "120000", "160000"
_HOOK_FOLDERS = frozenset({".githooks", ".git-hooks", "git-hooks", "githooks", ".husky"})
_HOOK_NAMES = frozenset(
    {"pre-commit", "post-checkout", "post-merge", "pre-push", "commit-msg", "post-commit"}
)
_UNSAFE_PARTS = re.compile(r"\A(?:\.git|git~\d|\.{1,2}|)\Z", re.IGNORECASE)
_BINARY_HEAD = 8000  # bytes that git itself looks at

# UTF-8 forms, so that a file need not be decoded: zero-width (200B-200D, FEFF, 00AD), bidi
# (202A-202E, 2066-2069), invisible (2060-2064, 180E).
_HIDDEN = re.compile(
    rb"(?P<zero_width>\xe2\x80[\x8b-\x8d]|\xef\xbb\xbf|\xc2\xad)"
    rb"|(?P<bidi>\xe2\x80[\xaa-\xae]|\xe2\x81[\xa6-\xa9])"
    rb"|(?P<invisible>\xe2\x81[\xa0-\xa4]|\xe1\xa0\x8e)"
)
_BOM = b"\xef\xbb\xbf"
# Where one of these words is absent no phrase can match: the search for bytes is far faster.
_ANCHORS = (b"ignore", b"disregard", b"you are now", b"system prompt", b"important", b"forget")
_PHRASE = re.compile(
    rb"(?:ignore|disregard|forget)\s+(?:all\s+|any\s+)?(?:the\s+|your\s+)?"
    rb"(?:previous|prior|above|earlier)\s+(?:instructions?|prompts?|rules?|messages?|text)"
    rb"|disregard\s+(?:all\s+)?(?:of\s+)?the\s+above"
    rb"|you\s+are\s+now\s+(?:an?|the|in)\b"
    rb"|(?:reveal|print|show|repeat)\s+(?:your|the)\s+system\s+prompt"
    rb"|important\b[^\n]{0,60}\boverride\b",
    re.IGNORECASE,
)
_CHAT = re.compile(rb"<\|(?:im_start|im_end|system|endoftext)\|>|\[/?INST\]|<</?SYS>>|</?system>")


def scan_entry(entry: TreeEntry, policy: ScanPolicy) -> Iterator[ScanFinding]:
    """What the name, mode and size of one entry give away."""
    parts = entry.path.split("/")
    if any(_UNSAFE_PARTS.match(part) for part in parts) or "\\" in entry.path:
        yield _finding("unsafe_path", entry, "a name that a checkout could misread")
    if entry.mode == _SUBMODULE:
        yield _finding("submodule", entry, f"gitlink to {entry.oid[:12]}, never fetched")
    if _HOOK_FOLDERS & set(parts[:-1]) or _names_hook(parts):
        yield _finding("hook_folder", entry, "a hook, never installed")
    if entry.size > policy.large_bytes:
        yield _finding("large_file", entry, f"{entry.size} bytes > {policy.large_bytes}")


def _names_hook(parts: list[str]) -> bool:
    return len(parts) > 1 and parts[-2] == "hooks" and parts[-1].split(".")[0] in _HOOK_NAMES


def wants_content(entry: TreeEntry, policy: ScanPolicy) -> bool:
    """Whether ``scan_content`` is to see the blob."""
    return entry.mode != _SUBMODULE and entry.size <= policy.read_bytes


def scan_content(entry: TreeEntry, content: bytes) -> Iterator[ScanFinding]:
    """What one blob's bytes give away; at most one finding per rule and file."""
    if entry.mode == _SYMLINK:
        yield from _symlink(entry, content)
        return
    if b"\0" in content[:_BINARY_HEAD]:
        return
    if entry.path.rpartition("/")[2] == ".gitattributes":
        yield from _attributes(entry, content)
    yield from _hidden(entry, content)
    lowered = content.lower()
    if any(anchor in lowered for anchor in _ANCHORS) and (match := _PHRASE.search(content)):
        yield _finding("injection_phrase", entry, _place(content, match))
    if match := _CHAT.search(content):
        yield _finding("chat_markup", entry, _place(content, match))


def _symlink(entry: TreeEntry, content: bytes) -> Iterator[ScanFinding]:
    target = content.decode(errors="backslashreplace")
    depth = entry.path.count("/")
    for part in target.split("/"):
        depth += {"..": -1, ".": 0, "": 0}.get(part, 1)
        if depth < 0 or target.startswith("/"):
            yield _finding("symlink_outside", entry, f"points to {target[:80]!a}")
            return


def _attributes(entry: TreeEntry, content: bytes) -> Iterator[ScanFinding]:
    for number, line in enumerate(content.splitlines(), 1):
        words = line.split(b"#")[0].split()[1:]
        if any(word.startswith(b"filter=") for word in words):
            shown = line.decode(errors="backslashreplace").strip()
            yield _finding("filter_attribute", entry, f"line {number}: {shown[:80]!a}, ignored")
            return


def _hidden(entry: TreeEntry, content: bytes) -> Iterator[ScanFinding]:
    if content.isascii():
        return
    seen: set[str] = set()
    # A byte order mark at the very beginning is an editor's habit and hides nothing.
    for match in _HIDDEN.finditer(content, len(_BOM) if content.startswith(_BOM) else 0):
        rule = str(match.lastgroup)
        if rule not in seen:
            seen.add(rule)
            line = content.count(b"\n", 0, match.start()) + 1
            yield _finding(rule, entry, f"line {line}: U+{ord(match[0].decode()):04X}")


def _place(content: bytes, match: re.Match[bytes]) -> str:
    line = content.count(b"\n", 0, match.start()) + 1
    return f"line {line}: {' '.join(match[0].decode(errors='backslashreplace').split())[:80]!a}"


def _finding(rule: str, entry: TreeEntry, evidence: str) -> ScanFinding:
    return ScanFinding(rule=rule, path=entry.path, evidence=evidence)


def scan_tree(
    repo: str,
    revision: str,
    entries: Iterable[TreeEntry],
    read: Callable[[str], bytes],
    policy: ScanPolicy,
) -> ScanReport:
    """Scan a whole tree, one blob in memory at a time.

    Args:
        repo: Name of the repository.
        revision: The pinned commit.
        entries: Its tree, all levels.
        read: Content of a blob by its object id.
        policy: Limits.
    """
    found: list[ScanFinding] = []
    files = python_files = 0
    for entry in entries:
        files += 1
        python_files += entry.path.endswith(".py")
        found.extend(scan_entry(entry, policy))
        if wants_content(entry, policy):
            found.extend(scan_content(entry, read(entry.oid)))
    return ScanReport(
        repo=repo,
        revision=revision,
        files=files,
        python_files=python_files,
        counts=tuple(sorted(Counter(finding.rule for finding in found).items())),
        findings=_kept(found, policy.kept),
    )


def _kept(found: Iterable[ScanFinding], per_rule: int) -> tuple[ScanFinding, ...]:
    kept: Counter[str] = Counter()
    chosen: list[ScanFinding] = []
    for finding in sorted(found, key=lambda item: (item.path, item.rule)):
        kept[finding.rule] += 1
        if kept[finding.rule] <= per_rule:
            chosen.append(finding)
    return tuple(chosen)
