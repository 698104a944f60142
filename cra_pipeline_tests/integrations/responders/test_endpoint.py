"""The terms on which a model server is asked, and the air gap."""

from __future__ import annotations

from typing import Any

import pytest

from cra_pipeline.errors import ModelError
from cra_pipeline.integrations.responders.endpoint import Endpoint, read_key, require_reachable
from cra_pipeline_tests.integrations.responders.servers import KEY

LOCAL = "http://127.0.0.1:8000/v1"


def endpoint(**terms: Any) -> Endpoint:  # noqa: ANN401  # what is tried
    return Endpoint(**({"base_url": LOCAL, "model": "m"} | terms))


@pytest.mark.parametrize(
    ("base_url", "url"),
    [
        (LOCAL, "http://127.0.0.1:8000/v1/chat/completions"),
        (f"{LOCAL}/", "http://127.0.0.1:8000/v1/chat/completions"),
        ("http://127.0.0.1:8000", "http://127.0.0.1:8000/v1/chat/completions"),
        ("https://models.example/api/v2", "https://models.example/api/v2/chat/completions"),
    ],
)
def test_the_address_is_the_one_that_servers_are_named_by(base_url: str, url: str) -> None:
    assert endpoint(base_url=base_url).url == url


@pytest.mark.parametrize(
    ("terms", "reason"),
    [
        ({"base_url": "127.0.0.1:8000"}, "expected such as"),
        ({"base_url": "ftp://127.0.0.1"}, "expected such as"),
        ({"base_url": f"http://user:{KEY}@127.0.0.1/v1"}, "user or password"),
        ({"base_url": f"http://127.0.0.1/v1?key={KEY}"}, "query"),
        ({"model": ""}, "empty"),
        ({"models": {"scope": ""}}, "empty"),
        ({"models": {"scoop": "m"}}, "no such call kind"),
        ({"extra_body": {"max_tokens": 9}}, "max_tokens is set"),
        ({"tries": 0}, "positive"),
        ({"concurrency": 0}, "positive"),
        ({"timeout_s": 0}, "positive"),
        ({"requests_per_minute": -1}, "not negative"),
        ({"spend_limit": 5.0}, "needs prices"),
    ],
)
def test_terms_that_cannot_be_meant_are_refused(terms: dict[str, Any], reason: str) -> None:
    with pytest.raises(ValueError, match=reason) as refusal:
        endpoint(**terms)
    assert KEY not in str(refusal.value)


@pytest.mark.parametrize(
    ("base_url", "allowed"),
    [
        (LOCAL, True),
        ("http://[::1]:8000/v1", True),
        ("http://localhost:8000/v1", True),
        ("http://192.168.0.2/v1", False),
        ("https://models.example/v1", False),
        ("http://localhost.example/v1", False),
        ("http://127.0.0.1.example/v1", False),
        ("http://0.0.0.0/v1", False),
    ],
)
def test_in_an_air_gap_only_this_machine_is_asked(base_url: str, allowed: bool) -> None:  # noqa: FBT001  # a column of the table
    server = endpoint(base_url=base_url)
    for off in ({}, {"CRA_PIPELINE_AIR_GAP": ""}, {"CRA_PIPELINE_AIR_GAP": "0"}):
        require_reachable(server, off)

    if allowed:
        require_reachable(server, {"CRA_PIPELINE_AIR_GAP": "1"})
    else:
        with pytest.raises(ModelError, match="not a loopback address"):
            require_reachable(server, {"CRA_PIPELINE_AIR_GAP": "1"})


@pytest.mark.parametrize("held", [None, "", "  ", f"{KEY} {KEY}", f"{KEY}\n{KEY}", f"{KEY}é"])
def test_a_key_that_is_not_there_or_none_is_told_without_it(held: str | None) -> None:
    environ = {} if held is None else {"TEACHER_KEY": held}

    with pytest.raises(ModelError, match="TEACHER_KEY") as refusal:
        read_key(endpoint(key_variable="TEACHER_KEY"), environ)
    assert KEY not in str(refusal.value)


def test_a_server_without_a_key_needs_none() -> None:
    assert read_key(endpoint(), {"TEACHER_KEY": KEY}) == ""
    assert read_key(endpoint(key_variable="TEACHER_KEY"), {"TEACHER_KEY": f"{KEY}\n"}) == KEY
