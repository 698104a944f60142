"""Names of users' databases."""

from __future__ import annotations

import pytest

from cra_pipeline.logs.databases import database_names


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("/srv/My Shop/.clean_room/raw.sqlite", "my-shop"),
        ("/srv/shop/raw.sqlite", "shop"),
        ("/raw.sqlite", "agent"),
        ("/srv/\u00e4/raw.sqlite", "agent"),
        ("/srv/home/raw.sqlite", "home-2"),
    ],
)
def test_a_database_is_named_by_its_repository(path: str, name: str) -> None:
    assert database_names([path]) == {name: path}


def test_a_database_given_twice_is_refused() -> None:
    with pytest.raises(ValueError, match="given twice"):
        database_names(["/srv/shop/raw.sqlite"] * 2)
