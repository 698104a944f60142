"""What a task asks for: a commit's message without anything that points to its answer.

Pure. Trailers, people, commit and issue ids and links go; a conventional prefix such as
``fix:`` stays, because it says which kind of change is wanted.
"""

from __future__ import annotations

import re

FALLBACK = "Make the change that the hidden tests ask for."
"""Stands in where a message was nothing but ids and links."""

_TRAILER = re.compile(
    r"\s*(?:[A-Za-z]+(?:-[A-Za-z]+)*-by|co-author|cc|change-id|git-svn-id|pull-request-url|"
    r"pr-url|link|links|bug|bug-url|issue|issues|ref|refs|reference|see|see-also|relates-to|"
    r"closes|fixes|fix-for|resolves|backport-of|cherry-picked-from|x-[a-z-]+)\s*:\s*"
    r"(?P<value>.*)\Z",
    re.IGNORECASE,
)
_DONE = (
    r"(?:co[- ]?)?(?:signed[- ]off|authored|written|reported|reviewed|suggested|tested|acked|"
    r"approved|found|contributed|developed|helped|committed|patch|patches)"
)
_PERSONAL = re.compile(
    rf"\W*(?:(?:[a-z]+(?:-[a-z]+)*-by|{_DONE}[- ]by)\s*:|"
    r"(?:cc|change-id|git-svn-id|(?:co-?)?authors?|committer)\s*:|"
    r"generated with\b|[^:<>]*\bby\b\s*:?[^<>]*<[^<>\s]*@)",
    re.IGNORECASE,
)
_CHERRY = re.compile(r"\(?\s*cherry[ -]picked from[^)\n]*\)?", re.IGNORECASE)
_MARKDOWN_LINK = re.compile(r"!?\[([^\]\[]*)\]\([^()\s]*\)")
_LINK = re.compile(
    r"<?(?:[\w+.-]*://|\b(?:www\.|git@|bugs\.[a-z0-9.-]+/)|"
    r"[a-z0-9.-]*(?:github|gitlab|bitbucket|codeberg|launchpad)\.(?:com|org|net)/)[^\s<>]*>?",
    re.IGNORECASE,
)
_MAIL = re.compile(r"<?[\w.+-]+@[\w-]+(?:\.[\w-]+)+>?")
# The year in ISO-8601 or the width in UTF-8 is no ticket.
_STANDARDS = (
    r"(?:UTF|ISO|IEC|IEEE|RFC|PEP|SHA|MD|CP|PY|HTTP|TLS|SSL|AES|RSA|ECMA|ES|ASCII|"
    r"UCS|BASE|CRC|WINDOWS|GPL|LGPL|AGPL|MPL|BSD|LATIN|FIPS|CVE|CWE|INT|UINT|FLOAT)"
)
_TICKET = rf"(?-i:\b(?!{_STANDARDS}-)[A-Z]{{2,}}-\d+)"
_ISSUE = (
    r"(?:[\w.-]+/[\w.-]+)?#\d+|(?<![\w!])!\d+|\b(?:GH|bpo|PR|MR)[- ]?[#!]?\d+|"
    rf"{_TICKET}|\b(?:issue|pull request|merge request|bug|ticket)s?[ -][#!]?\d+"
)
_WORDS = (
    r"\b(?:fix(?:es|ed)?|clos(?:e|es|ed)|resolv(?:e|es|ed)|ref(?:s|erences)?|see(?: also)?|"
    r"addresses|re|part of|relates? to|related to|follow[- ]?up (?:to|of)|replaces|via)"
)
_REFERENCE = re.compile(
    rf"(?P<verb>{_WORDS}[:\s]+)?(?:{_ISSUE})(?:(?:\s*[,&/]\s*|\s+and\s+)(?:{_ISSUE}))*",
    re.IGNORECASE,
)
_HEX = r"[0-9a-f]{7,40}\b"
_COMMIT = re.compile(
    # Digits alone are a number, unless a word says otherwise.
    rf"\b(?=[0-9a-f]*[0-9])(?=[0-9a-f]*[a-f]){_HEX}|\b[0-9]{{40}}\b|"
    rf"\b(?P<word>commits?|revert(?:s|ed|ing)?|cherry[- ]?pick(?:s|ed|ing)?|revision|rev|sha)"
    rf":?\s+(?=[0-9a-f]*[0-9]){_HEX}",
    re.IGNORECASE,
)
_BRACKETS = re.compile(r"(?<!\w)\(\s*[,;:]*\s*\)|(?<!\w)\[\s*\]|<\s*>")
_RULER = re.compile(r"\s*[-=_*#.\s]*\Z")
_HANGING = re.compile(r"[\s,;:(\[<-]+\Z")


def statement(message: str) -> str:
    """The wish in a commit message; never empty, and unchanged when cleaned again.

    Args:
        message: Subject and body as committed.
    """
    text = message.replace("\r\n", "\n").replace("\r", "\n")
    # Again until nothing goes: what is cut out can bring two halves of an id together.
    while (cleaned := _cleaned(text)) != text:
        text = cleaned
    return text or FALLBACK


def _cleaned(text: str) -> str:
    lines = [_cleaned_line(line) for line in text.split("\n") if not _is_trailer(line)]
    return re.sub(r"\n{3,}", "\n\n", "\n".join(lines)).strip()


def _is_trailer(line: str) -> bool:
    """Whether a line names people, or says nothing but where something else is found."""
    if _PERSONAL.match(line):
        return True
    found = _TRAILER.match(line)
    return found is not None and not _without_ids(found["value"]).strip(" .,;")


def _cleaned_line(line: str) -> str:
    cut = _without_ids(line)
    if cut == line:
        return "" if _RULER.match(line) else line.rstrip()
    indent = cut[: len(cut) - len(cut.lstrip())]
    words = re.sub(r"(?<=\S)[ \t]{2,}", " ", cut.strip().lstrip(":;,. "))
    words = re.sub(r"[\s,;:]+([.,;:])(?=\s|\Z)", r"\1", words)
    words = _HANGING.sub("", words)
    return "" if _RULER.match(words) else indent + words


def _without_ids(line: str) -> str:
    cut = _CHERRY.sub("", line)
    cut = _MARKDOWN_LINK.sub(r"\1", cut)
    cut = _MAIL.sub("", _LINK.sub("", cut))
    cut = _COMMIT.sub(lambda found: found["word"] or "", cut)
    return _BRACKETS.sub("", _REFERENCE.sub(_without_reference, cut))


def _without_reference(found: re.Match[str]) -> str:
    """Nothing, or the verb where it opens a sentence that goes on, as in ``Fix #1 at last``."""
    line, verb = found.string, found["verb"]
    opens = not line[: found.start()].strip(" \t*-") and bool(
        re.match(r"\s+\w", line[found.end() :])
    )
    return verb if verb and opens else ""
