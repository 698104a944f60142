"""Sandboxes that root starts have a user each."""

from __future__ import annotations

import os
from contextlib import ExitStack

import pytest

from cra_pipeline.integrations.sandbox.users import ORDINARY, _all_mapped, sandbox_user


@pytest.mark.skipif(os.geteuid() != 0, reason="an ordinary user has no others to give")
def test_no_two_sandboxes_share_a_user() -> None:
    with ExitStack() as stack:
        users = [stack.enter_context(sandbox_user()) for _ in range(20)]

    assert len(set(users)) == 20
    assert all(60578 <= user <= 61183 for user in users)


@pytest.mark.skipif(os.geteuid() == 0, reason="root becomes somebody else")
def test_an_ordinary_user_stays_who_it_is() -> None:
    with sandbox_user() as user:
        assert user == ORDINARY


@pytest.mark.parametrize(
    ("uid_map", "mapped"),
    [
        ("         0          0 4294967295\n", True),
        ("         0     100000      65536\n", True),
        ("         0       1000          1\n", False),
        ("         0       1000          1\n         1     100000      65536\n", True),
    ],
)
def test_root_of_a_small_namespace_cannot_become_another(uid_map: str, *, mapped: bool) -> None:
    assert _all_mapped(uid_map) is mapped
