"""Reverts, releases and bumps by their wording."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from cra_pipeline.commits.bumps import dependency_sign, release_sign, revert_sign

REVERTS = [
    'Revert "Add links"',
    "revert double nesting",
    "Reverted the cache",
    "Back out #850",
    "I swear it worked\n\nThis reverts commit 592409ac7657ca3689a63a2d82777b9bbb80a241.",
]
RELEASES = [
    "18.3a4",
    "Release 0.21.0.",
    "Bump version to 1.11.0+dev (#17129)",
    "Prepare 24.2.0",
    "Prepare release 25.1.0",
    "Start new development cycle",
    "version bump",
    "Bumping to 0.7.1",
    "Update version to 0.950+dev",
    "Start on 0.8.3.",
    "v1.2.3",
]
DEPENDENCIES = [
    "Bump actions/checkout from 2 to 3",
    "Bump mypy to 0.16",
    "Update dependencies",
    "chore(deps): refresh all",
    "Upgrade pinned dependencies",
    "Update pre-commit hooks",
    "Pin sphinx",
    "Update black to 24.1.1 (#16847)",
    "Update dependency attrs",
]
WORK = [
    "Release the lock before waiting",
    "Add a release method to the lock",
    "Add types (#282)\n\n* one\n\nThis reverts commit 68561ae894567216344e1979877906a0510f4195.",
    "Update parser to handle links",
    "Update dependency resolution order",
    "Update requirements parsing",
    "Prepare the release of held locks",
    "Support reverting of edits",
    "Change version comparison for dev builds",
    "Bump the retry counter only once per call",
    "Add Python 3.12 support",
]


@pytest.mark.parametrize(
    ("sign", "message"),
    [
        *((revert_sign, message) for message in REVERTS),
        *((release_sign, message) for message in RELEASES),
        *((dependency_sign, message) for message in DEPENDENCIES),
    ],
)
def test_the_usual_words_are_recognised(sign: Callable[[str], str], message: str) -> None:
    found = sign(message)

    assert found


@pytest.mark.parametrize("message", WORK)
def test_work_that_shares_their_words_is_not(message: str) -> None:
    found = revert_sign(message) + release_sign(message) + dependency_sign(message)

    assert not found
