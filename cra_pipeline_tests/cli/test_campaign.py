"""Who a campaign's options say answers, and what they may not say."""

from __future__ import annotations

import click
import pytest

from cra_pipeline.cli.campaign import _responder

SERVER = {"base_url": "http://127.0.0.1:1/v1", "model": "m"}


def told(**more: object) -> dict[str, object]:
    """Options as click hands them over."""
    params = ("concurrency", "requests_per_minute", "prompt_price", "completion_price")
    return {
        "responder": "ranked", "vary": (), "rank_with_model": False, "base_url": "", "model": "",
        "models": (), "key_variable": "", "recordings": "", "spend_limit": None,
        **dict.fromkeys(params), **more,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("options", "name", "kinds"),
    [
        ({}, "ranked", ("scope",)),
        ({"vary": ("scope",)}, "ranked", ("scope",)),
        (SERVER, "ranked", ()),
        ({**SERVER, "vary": ("scope", "implement")}, "ranked", ("implement", "scope")),
        ({**SERVER, "rank_with_model": True}, "ranked_with_model", ()),
        (
            {**SERVER, "rank_with_model": True, "vary": ("scope",)},
            "ranked_with_model",
            ("scope",),
        ),
        ({**SERVER, "responder": "openai"}, "openai", ()),
    ],
)
def test_the_policy_says_who_ranks_and_who_answers_the_rest(
    options: dict[str, object], name: str, kinds: tuple[str, ...]
) -> None:
    spec = _responder(told(**options))

    assert (spec.name, spec.kinds) == (name, kinds)


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        ({"vary": ("implement",)}, "only scope calls can be ranked"),
        ({"vary": ("scope", "implement")}, "beside scope a server answers"),
        ({"rank_with_model": True}, "needs --responder ranked, --base-url and --model"),
        ({**SERVER, "responder": "openai", "rank_with_model": True}, "needs --responder ranked"),
        ({"responder": "openai"}, "needs --base-url and --model"),
        ({"responder": "gold", "vary": ("scope",)}, "gold answers everything"),
        ({"recordings": "c1"}, "belongs to --responder recorded"),
    ],
)
def test_options_that_contradict_each_other_are_refused(
    options: dict[str, object], reason: str
) -> None:
    with pytest.raises(click.UsageError, match=reason):
        _responder(told(**options))
