"""The index on loopback, as a client sees it."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from pathlib import Path

import pytest

from cra_pipeline.errors import PackageError
from cra_pipeline.integrations.index import TIMES, serve_wheels
from cra_pipeline_tests.wheels import build_wheel, date_wheels


def get(url: str) -> bytes:
    with urllib.request.urlopen(url, timeout=10) as answer:  # noqa: S310  # our own loopback
        content: bytes = answer.read()
    return content


def test_a_project_page_states_hash_time_and_metadata(tmp_path: Path) -> None:
    wheel = build_wheel(tmp_path, "Some_Lib", "1.0", {"some_lib.py": ""})
    date_wheels(tmp_path, {wheel.name: "2024-02-03"})

    with serve_wheels(tmp_path) as index:
        page = json.loads(get(f"{index.url}some-lib/"))
        content = get(f"{index.url}../files/{wheel.name}".replace("simple/../", ""))
        metadata = get(f"{index.url}../files/{wheel.name}.metadata".replace("simple/../", ""))

    (entry,) = page["files"]
    assert entry["upload-time"] == "2024-02-03T00:00:00Z"
    assert content == wheel.read_bytes()
    assert b"Name: Some_Lib" in metadata


def test_only_loopback_is_listened_on(tmp_path: Path) -> None:
    with serve_wheels(tmp_path) as index:
        assert index.url.startswith("http://127.0.0.1:")


@pytest.mark.parametrize(
    "path", ["simple/none/", "files/../../etc/passwd", "other", "files/x.whl", "simple/"]
)
def test_nothing_but_the_wheels_is_served(tmp_path: Path, path: str) -> None:
    build_wheel(tmp_path, "a", "1", {"a.py": ""})

    with (
        serve_wheels(tmp_path) as index,
        pytest.raises(urllib.error.HTTPError, match="404") as caught,
    ):
        get(index.url.replace("simple/", path))
    caught.value.close()


def test_equal_offers_have_equal_labels_whatever_the_port(tmp_path: Path) -> None:
    build_wheel(tmp_path, "a", "1", {"a.py": ""})
    with serve_wheels(tmp_path) as one, serve_wheels(tmp_path) as other:
        assert one.label == other.label
        assert one.url != other.url
    date_wheels(tmp_path, {"a-1-py3-none-any.whl": "2024-01-01"})

    with serve_wheels(tmp_path) as third:
        assert third.label != one.label


def test_what_is_no_wheel_or_no_time_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a-1-py3-none-any.whl").write_bytes(b"no zip")
    with pytest.raises(PackageError, match="no wheel"), serve_wheels(tmp_path):
        pass
    (tmp_path / "a-1-py3-none-any.whl").unlink()
    (tmp_path / TIMES).write_text("[1]")

    with pytest.raises(PackageError, match=TIMES), serve_wheels(tmp_path):
        pass
