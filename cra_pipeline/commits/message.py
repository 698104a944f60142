"""What a commit message says at its head: words, verb, and whether it asks for anything.

Pure text, no paths. The head is the first line without what surrounds the sentence: issue
numbers, ``[area]`` tags, emoji, and prefixes such as ``fix(parser):`` or ``docs:``.
"""

from __future__ import annotations

import re

from cra_pipeline.commits import words
from cra_pipeline.commits.verbs import BASE, PAST, PROGRESSIVE, THIRD_PERSON

_TRAILER = re.compile(
    r"^(?:[A-Z][\w-]*-by|Co-authored-by|Change-Id|Reviewed-on|cc|git-svn-id):\s", re.IGNORECASE
)
_REFERENCE = re.compile(
    r"\(?(?:(?:GH|PR|issue|ref|refs|fixes|closes|see)[ -]?)?#\d+\)?|https?://\S+", re.IGNORECASE
)
_WORD = re.compile(r"[^\W\d_][\w'\u2019-]*")

_LEAD = re.compile(
    r"""\s*(?:
        \[[^\]]{1,40}\]:?                            # [area]
      | [A-Z]{2,12}\ :(?=\s)                        # BUGFIX :
      | :[a-z0-9_+-]+:                               # :sparkles:
      | [^\w\s"'`(\[#<@*./-]+(?=\s)                  # an emoji
      | (?:(?:GH|PR|issue|bug|fixes|closes)[ -]?)?\#\d+\s*[:.-]*  # GH-12:
      | [-*]\s                                       # a list item
      | (?:[\w./*`-]+(?:\([^)]*\))?|[\w./*`-]+(?:,?\ [\w./*`-]+){1,2})!?:(?=\s)   # fix(x):
    )\s*""",
    re.VERBOSE | re.IGNORECASE,
)


_WORK_IN_PROGRESS = re.compile(
    r"\s*\[?(?:(?:wip|tmp|temp|work in progress)\b[\]:]?|draft[\]:]|(?:fixup|squash|amend)!|"
    r"misc(?:ellaneous)?\b(?![:\]]))",
    re.IGNORECASE,
)
_NAMED_FILE = re.compile(
    r"(?:update|create|edit|change|modify)\s+\S+\."
    r"(?:py|pyi|md|rst|txt|ya?ml|toml|cfg|ini|json|in|html?|c|pyx|sh|ipynb)\Z",
    re.IGNORECASE,
)
# "Check for …" and the like: their "for" belongs to the verb.
_TAKE_FOR = {"account", "allow", "ask", "care", "check", "look", "prepare", "search", "wait"}
_MERGED = re.compile(
    r"merged? (?:branch|pull request|remote|tag|commit|pr\b|\S+ into )", re.IGNORECASE
)


def head_line(message: str) -> str:
    """First line that holds anything; empty for an empty message."""
    return next((line.strip() for line in message.splitlines() if line.strip()), "")


def bare_head(message: str) -> str:
    """The head line without references and prefixes."""
    line = head_line(message)
    while (lead := _LEAD.match(line)) and lead.end() < len(line):
        before = lead.group().lower().strip(" :").split()
        if len(before) > 1 and before[0] in BASE:
            # "Fix a crash: the parser …" starts with its verb, not with a prefix.
            break
        line = line[lead.end() :]
    return _REFERENCE.sub(" ", line).strip(" .:-")


def word_count(message: str) -> int:
    """Words of head and body; prefixes, trailers, references and numbers do not count."""
    body = [line for line in message.strip().splitlines()[1:] if not _TRAILER.match(line)]
    return len(_WORD.findall(_REFERENCE.sub(" ", "\n".join([bare_head(message), *body]))))


def merge_sign(message: str) -> str:
    """The words that show a merge flattened to one parent; empty where there are none."""
    found = _MERGED.match(head_line(message))
    return found.group() if found else ""


def vague_sign(message: str) -> str:
    """Why the message asks for nothing in particular; empty where it does."""
    head = head_line(message)
    if marked := _WORK_IN_PROGRESS.match(head):
        return f"marked {marked.group().strip()!r}"
    bare = bare_head(message)
    if _NAMED_FILE.match(bare):
        return f"names only a file: {bare!r}"
    said = [word.lower() for word in _WORD.findall(bare)]
    if said and all(word in words.VAGUE for word in said):
        return f"says nothing in particular: {bare!r}"
    return ""


def imperative_fault(message: str) -> str:
    """Why the head does not start with a verb; empty where it does."""
    bare = bare_head(message)
    said = [word.lower().replace("\u2019", "'") for word in _WORD.findall(bare)]
    if said[:1] in (["don't"], ["dont"]):
        return ""
    while said and _is_adverb(said[0]):
        said = said[1:]
    first, after = (*said, "", "")[:2]
    if _is_verb(first, after):
        return ""
    return (
        f"{bare[:60]!r} starts with {first!r}, no verb" if first else f"no words in {bare[:60]!r}"
    )


def _is_adverb(word: str) -> bool:
    return word in words.ADVERBS or (word.endswith("ly") and word not in BASE)


def _is_verb(word: str, after: str) -> bool:
    if "-" in word and word not in BASE:
        first, last = word.split("-", 1)
        # "clean-up", "roll-back"; "re-enable", "pre-compute".
        word = first if last in words.PARTICLES else last if first in words.PREFIXES else word
    if word in BASE:
        return _base_is_verb(word, after)
    if word in PROGRESSIVE:
        return word not in words.NO_PROGRESSIVES and after not in words.AFTER_NOUN
    if word in PAST:
        return word not in words.MOSTLY_ADJECTIVES and bool(after)
    if word in THIRD_PERSON:
        return _plural_is_verb(word, after)
    return False


def _base_is_verb(word: str, after: str) -> bool:
    if word in words.MOSTLY_NOUNS:
        return after in words.DETERMINERS or (
            word in words.EITHER and bool(after) and after not in words.NOUN_TAIL | words.AFTER_NOUN
        )
    if word in _TAKE_FOR:
        return True
    return after not in words.AFTER_NOUN and not (
        word in words.NOUN_VERBS and after in words.MENDING
    )


def _plural_is_verb(word: str, after: str) -> bool:
    if word in words.PLURAL_NOUNS:
        return after in words.DETERMINERS
    return bool(after) and after not in words.AFTER_PLURAL
