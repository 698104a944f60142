"""Keys of one and of two dimensions."""

from __future__ import annotations

import pytest

from cra_pipeline.definitions.partitions import REPO_BY_ROUND, repo_and_round


def test_a_key_names_the_repository_first() -> None:
    assert [item.name for item in REPO_BY_ROUND.partitions_defs] == ["repo", "round"]
    assert repo_and_round("attrs|r01") == ("attrs", "r01")


@pytest.mark.parametrize("key", ["attrs", "attrs|", "|r01", ""])
def test_a_key_of_another_shape_is_refused(key: str) -> None:
    with pytest.raises(ValueError, match="is no partition"):
        repo_and_round(key)
