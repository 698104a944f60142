"""What may be used no more, and whatever descends from it. Pure.

Curation asks this of every candidate, replayed ones included, so that no dataset that is built
later holds one.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from cra_pipeline.contracts.datasets import Origin
from cra_pipeline.contracts.takedowns import Takedown

LEAST_DIGITS = 7
"""Of a commit id that is cut short."""
_WITHDRAWN = re.compile(r"(gpl|lgpl|agpl)[- ]?v?(\d(?:\.\d)?)(\+?)")
_DIGITS = 40
_SHOWN = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class TakenDown:
    """All tombstones together.

    Attributes:
        repos: Keys of repositories and names of published data sets.
        licences: As ``licence_terms`` gives them.
        commits: Full ids.
        patch_ids: Ids of changes.
    """

    repos: frozenset[str] = frozenset()
    licences: frozenset[str] = frozenset()
    commits: frozenset[str] = frozenset()
    patch_ids: frozenset[str] = frozenset()

    def fault(self, origin: Origin, commits: Iterable[str] = ()) -> str:
        """``taken_down`` where a row descends from a tombstone, else empty.

        Args:
            origin: Of the row.
            commits: Other commits that its task joins, where the caller knows them.
        """
        descends = (
            origin.repo in self.repos
            or not self.licences.isdisjoint(licence_terms(origin.licence))
            or not self.commits.isdisjoint({origin.sha, *commits} - {""})
            or (origin.patch_id in self.patch_ids and bool(origin.patch_id))
        )
        return "taken_down" if descends else ""


def taken_down(records: Iterable[Takedown]) -> TakenDown:
    """The rule that some tombstones make together, in any order."""
    known = tuple(records)
    return TakenDown(
        repos=frozenset(name for record in known for name in record.repos),
        licences=frozenset(
            term for record in known for name in record.licences for term in licence_terms(name)
        ),
        commits=frozenset(sha for record in known for sha in record.commits),
        patch_ids=frozenset(name for record in known for name in record.patch_ids),
    )


def licence_terms(expression: str) -> frozenset[str]:
    """Licences that an SPDX expression names, in lower case.

    A choice counts as all that may be chosen: what is under ``MIT OR GPL-3.0-only`` goes with
    either.
    """
    words = re.split(r"\s+(?:AND|OR|WITH)\s+|[()/,;]", expression, flags=re.IGNORECASE)
    return frozenset(_current(word.strip().lower()) for word in words if word.strip())


def _current(term: str) -> str:
    """The identifier that SPDX has now for one of the GPL family that it has withdrawn."""
    found = _WITHDRAWN.fullmatch(term)
    if not found:
        return term
    family, version, later = found.groups()
    return f"{family}-{version if '.' in version else version + '.0'}-" + (
        "or-later" if later else "only"
    )


def looks_like_commit(text: str) -> bool:
    """Whether a text may be a commit's or a change's id, cut short or not."""
    return bool(re.fullmatch(rf"[0-9a-f]{{{LEAST_DIGITS},{_DIGITS}}}", text.lower()))


def full_id(text: str, known: Iterable[str]) -> str:
    """The one id that a text means: itself where it is whole.

    Args:
        text: An id of at least ``LEAST_DIGITS`` hexadecimal digits.
        known: Ids of commits and of changes.

    Raises:
        ValueError: It is no such text, or means no known id, or several.
    """
    wanted = text.lower()
    if not looks_like_commit(wanted):
        raise ValueError(
            f"{text!r} is no commit: expected {LEAST_DIGITS} to {_DIGITS} hexadecimal digits"
        )
    if len(wanted) == _DIGITS:
        return wanted
    found = sorted({name for name in known if name.startswith(wanted)})
    if not found:
        raise ValueError(f"{text}: no known commit begins so; give its full id of 40 digits")
    if len(found) > 1:
        raise ValueError(
            f"{text}: {len(found)} known ids begin so: {', '.join(found[:_SHOWN])}; give more "
            "digits"
        )
    return found[0]
