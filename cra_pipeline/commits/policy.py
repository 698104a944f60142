"""Every number that the commit filter uses."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass

DAY = 86_400
"""Seconds."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FilterPolicy:
    """Limits of the filter's rules.

    Attributes:
        min_words: Fewest words of a message, trailers and issue numbers not counted.
        max_files: Most changed ``.py`` files of an ordinary change.
        meta_max_files: Most changed ``.py`` files where the change defines new symbols.
        meta_min_files: Fewest changed ``.py`` files of a meta-plan.
        max_lines: Added and deleted lines in ``.py`` files stay below this number.
        window_commits: A fix and its test lie at most so many commits apart.
        window_days: And at most so many days, by committer date.
        max_related_tests: Most test files that are listed as related by name.
    """

    min_words: int = 3
    max_files: int = 5
    meta_max_files: int = 12
    meta_min_files: int = 4
    max_lines: int = 200
    window_commits: int = 3
    window_days: int = 3
    max_related_tests: int = 20

    def canonical_json(self) -> str:
        """One line with sorted keys, for manifests."""
        return json.dumps(asdict(self), sort_keys=True, separators=(",", ":"))
