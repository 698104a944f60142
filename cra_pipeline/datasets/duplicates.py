"""Rows that say the same thing again, under whatever name."""

from __future__ import annotations

from collections.abc import Sequence

from cra_pipeline.datasets.facts import Facts


def repeated(rows: Sequence[Facts]) -> dict[str, str]:
    """Why rows repeat an earlier one, by id; those that do not are absent.

    ``duplicate``: prompt and answers were there before, white space and case aside.
    ``contradicted``: the same yes/no question has both answers; none of them can be trusted.
    ``same_change``: another commit with the same change was there before, as in a fork, or a
    commit picked onto another branch.

    Args:
        rows: In the order of precedence: what came first stays.
    """
    found: dict[str, str] = {}
    answers: dict[bytes, set[bool]] = {}
    for row in rows:
        if row.verdict is not None:
            answers.setdefault(row.prompt_key, set()).add(row.verdict)
    seen: set[tuple[bytes, bytes]] = set()
    # With its repository: one history may be listed under two names.
    owner: dict[str, tuple[str, str]] = {}
    for row in rows:
        text, mine = (row.prompt_key, row.text_key), (row.repo, row.sha)
        if len(answers.get(row.prompt_key, ())) > 1:
            found[row.example_id] = "contradicted"
        elif text in seen:
            found[row.example_id] = "duplicate"
        elif row.patch_id and owner.setdefault(row.patch_id, mine) != mine:
            found[row.example_id] = "same_change"
        else:
            seen.add(text)
    return found
