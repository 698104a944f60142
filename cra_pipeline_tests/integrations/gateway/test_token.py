"""The token is made for its owner alone, kept, and never told."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest

from cra_pipeline.errors import StoreError
from cra_pipeline.integrations.gateway.token import obtain_token


def test_a_token_is_made_for_its_owner_and_kept(tmp_path: Path) -> None:
    path = tmp_path / "gateway" / "token"
    token = obtain_token(path)

    assert len(token) >= 40
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert obtain_token(path) == token
    assert obtain_token(tmp_path / "other") != token


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o660])
def test_a_token_that_others_may_read_is_refused(mode: int, tmp_path: Path) -> None:
    path = tmp_path / "token"
    token = obtain_token(path)
    path.chmod(mode)

    with pytest.raises(StoreError, match="chmod 600") as refusal:
        obtain_token(path)
    assert token not in str(refusal.value)


@pytest.mark.parametrize("content", [b"", b"short", b"with space" * 3, b"\xffabcdefghijklmnopq"])
def test_what_is_no_token_is_refused_and_not_repeated(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "token"
    path.write_bytes(content)
    path.chmod(0o600)

    with pytest.raises(StoreError, match="token") as refusal:
        obtain_token(path)
    assert "short" not in str(refusal.value)
    assert "with space" not in str(refusal.value)
