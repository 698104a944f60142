"""The list of repositories: names, overrides and what stays of a user's file."""

from __future__ import annotations

import tomllib
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cra_pipeline.contracts.sources import SLUG, RepoSource
from cra_pipeline.corpus.sources import (
    derived_name,
    inherited_fields,
    merged_sources,
    parse_entries,
    require_name,
    slug,
    upstream,
    with_entry,
)
from cra_pipeline.corpus.stage import CORPUS
from cra_pipeline_tests.strategies import repo_sources

SEED: dict[str, Any] = {
    "name": "attrs",
    "url": "https://github.com/python-attrs/attrs.git",
    "revision": "a" * 40,
    "committed_at": 5,
    "domain": "validation",
    "roles": ["P", "C"],
    "tier": "full",
    "licence": "MIT",
}


def test_the_corpus_seeds_eighteen_repositories_of_eight_domains() -> None:
    text = (CORPUS / "repos.toml").read_text(encoding="utf-8")
    sources = merged_sources(parse_entries(text, where="repos.toml"), (), where="repos.toml")

    assert len(sources) == 18
    assert len({source.domain for source in sources}) == 8
    assert all(source.url.startswith("https://") for source in sources)
    assert all(source.committed_at > 1_500_000_000 for source in sources)


@given(st.text())
def test_every_slug_is_a_name(text: str) -> None:
    try:
        found = slug(text)
    except ValueError:
        return

    assert SLUG.match(found)
    assert require_name(found) == found


@pytest.mark.parametrize(
    ("url", "name"),
    [
        ("https://github.com/python-attrs/attrs.git", "attrs"),
        ("https://github.com/Instagram/LibCST/", "libcst"),
        ("git@example.org:Team/My Lib.git", "my-lib"),
        ("host:thing", "thing"),
        ("/home/me/Projects/.hidden", "hidden"),
        ("/home/me/project/.git", "project"),
        ("/srv/a|b", "a-b"),
        ("/srv/x.git.git", "x.git"),
    ],
)
def test_names_come_from_the_last_part_of_an_address(url: str, name: str) -> None:
    assert derived_name(url) == name


@pytest.mark.parametrize(
    "name", ["a/b", "a|b", "Attrs", ".", "..", ".hidden", "-x", "", "ä", "a" * 81]
)
def test_names_that_cannot_be_keys_are_refused(name: str) -> None:
    with pytest.raises(ValueError, match=r"cannot name a repository|gives no name"):
        require_name(name)


def test_a_refused_name_comes_with_the_nearest_one() -> None:
    with pytest.raises(ValueError, match="such as 'team-lib'"):
        require_name("Team/Lib")


@pytest.mark.parametrize("url", ["/", "..", "https://example.org/---"])
def test_an_address_without_a_name_asks_for_one(url: str) -> None:
    with pytest.raises(ValueError, match="--name"):
        derived_name(url)


def test_an_own_entry_overrides_a_seed_field_by_field() -> None:
    own = {"name": "attrs", "url": "/mirror/attrs"}
    (source,) = merged_sources([SEED], [own], where="sources.toml")

    assert source.url == "/mirror/attrs"
    assert (source.revision, source.committed_at, source.licence) == ("a" * 40, 5, "MIT")


def test_an_own_pin_does_not_inherit_the_date_of_the_seeds_pin() -> None:
    own = {"name": "attrs", "revision": "b" * 40}
    (source,) = merged_sources([SEED], [own], where="sources.toml")

    assert source.committed_at == 0


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ("[[repo]\n", "no TOML"),
        ("[other]\n", "found other"),
        ("repo = 3\n", "expected"),
        ("repo = [3]\n", "expected"),
        ("[[repo]]\nurl = 'x'\n", "repo 1: name is None"),
        ("[[repo]]\nname = 'A'\n", "expected a slug"),
        ("[[repo]]\nname = 'a'\n[[repo]]\nname = 'a'\n", "repo 2: 'a' stands there twice"),
    ],
)
def test_a_list_that_is_none_is_refused(text: str, word: str) -> None:
    with pytest.raises(ValueError, match=word):
        parse_entries(text, where="sources.toml")


@pytest.mark.parametrize(
    ("change", "word"),
    [
        ({"revision": "abc"}, "'attrs': revision: .*40"),
        ({"roles": ["X"]}, "roles.0"),
        ({"roles": "P+C"}, "roles"),
        ({"tier": "some"}, "tier"),
        ({"colour": "red"}, "colour"),
        ({"committed_at": "today"}, "committed_at"),
    ],
)
def test_an_ill_formed_entry_names_its_field(change: dict[str, Any], word: str) -> None:
    with pytest.raises(ValueError, match=word):
        merged_sources([SEED | change], (), where="sources.toml")


@pytest.mark.parametrize(
    "url",
    [
        "https://github.com/Python-Attrs/attrs",
        "git@github.com:python-attrs/attrs.git",
        "ssh://git@github.com/python-attrs/attrs.git/",
    ],
)
def test_one_upstream_cannot_stand_under_two_names(url: str) -> None:
    other = SEED | {"name": "other", "url": url}

    with pytest.raises(ValueError, match="are one upstream"):
        merged_sources([SEED], [other], where="sources.toml")


def test_a_checkout_and_its_git_folder_are_one_upstream() -> None:
    assert upstream("/srv/lib/.git") == upstream("/srv/lib/") == "/srv/lib"
    assert upstream("/srv/lib.git") != upstream("/srv/lib")


def test_a_derived_name_does_not_take_a_seeds_place_but_a_chosen_one_does() -> None:
    def inherit(*, said: bool) -> dict[str, Any]:
        return inherited_fields([SEED], [], name="attrs", url="/srv/attrs", said=said)

    with pytest.raises(ValueError, match="in the corpus"):
        inherit(said=False)
    assert inherit(said=True) == SEED


def test_a_name_of_the_users_own_is_never_given_to_another_upstream() -> None:
    own = [SEED | {"url": "/srv/one"}]

    with pytest.raises(ValueError, match="take that entry out"):
        inherited_fields([], own, name="attrs", url="/srv/two", said=True)


def test_adding_an_own_source_again_moves_its_pin_and_keeps_the_rest() -> None:
    own = [SEED | {"url": "/srv/one"}]
    fields = inherited_fields([], own, name="attrs", url="/srv/one", said=False)

    assert "revision" not in fields
    assert fields["licence"] == "MIT"


def test_the_users_own_words_stay_in_the_file() -> None:
    text = '# mine\n[[repo]]\nname = "one" # first\nurl = "/srv/one"\n'
    new = RepoSource(**SEED | {"roles": ("P",)})
    changed = with_entry(text, new)

    assert changed.startswith('# mine\n[[repo]]\nname = "one" # first\n')
    assert [table["name"] for table in tomllib.loads(changed)["repo"]] == ["one", "attrs"]


@given(
    st.lists(
        repo_sources,
        unique_by=(lambda source: source.name, lambda source: upstream(source.url)),
        max_size=3,
    )
)
@settings(max_examples=30, deadline=None)
def test_written_entries_are_read_back(sources: list[RepoSource]) -> None:
    text = ""
    for source in sources + sources:
        text = with_entry(text, source)
    found = merged_sources(parse_entries(text, where="t"), (), where="t")

    assert list(found) == sorted(sources, key=lambda source: source.name)
