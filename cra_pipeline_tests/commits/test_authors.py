"""Programs among the authors."""

from __future__ import annotations

import pytest

from cra_pipeline.commits.authors import bot_sign


@pytest.mark.parametrize(
    ("author", "email"),
    [
        ("dependabot[bot]", "49699333+dependabot[bot]@users.noreply.github.com"),
        ("pre-commit-ci[bot]", "x@y"),
        ("pyup-bot", "github-bot@pyup.io"),
        ("pyup.io bot", "github-bot@pyup.io"),
        ("Step Security Bot", "bot@stepsecurity.io"),
        ("LaRoyBot", "x@users.noreply.github.com"),
        ("Travis CI User", "travis@example.org"),
        ("Travis CI on behalf of A. Person", "a@person.org"),
        ("Renovate", "x@y"),
        ("Somebody", "1+thing[bot]@users.noreply.github.com"),
    ],
)
def test_programs_are_recognised(author: str, email: str) -> None:
    sign = bot_sign(author, email)

    assert sign


@pytest.mark.parametrize(
    ("author", "email"),
    [
        ("Travis Cline", "travis.cline@example.com"),
        ("Genevieve Mendoza", "genevieve@example.com"),
        ("Danilo Silva", "danilomendesdias@example.com"),
        ("Antonio Botelho", "mrbotant@example.com"),
        ("Anna Talbot", "talbot@example.com"),
        ("Ion Bot", "ion@example.com"),
        ("rht", "rhtbot@example.com"),
        ("James", "50501825+Gobot1234@users.noreply.github.com"),
        ("Dominic Jodoin", "dominic@travis-ci.com"),
        ("", ""),
    ],
)
def test_people_are_not(author: str, email: str) -> None:
    sign = bot_sign(author, email)

    assert not sign
