"""Locks of uv, and uv itself against an index on loopback."""

from __future__ import annotations

from pathlib import Path

import pytest

from cra_pipeline.contracts.workspace import Layout
from cra_pipeline.errors import EnvironmentBuildError
from cra_pipeline.integrations.index import serve_wheels
from cra_pipeline.integrations.uv import UnresolvableError, read_pylock, resolve, wheel_rank
from cra_pipeline_tests.wheels import build_wheel, date_wheels

LOCK = """
[[packages]]
name = "Foo_Bar"
version = "1.0"
wheels = [
  { url = "https://x.example/foo_bar-1.0-py3-none-any.whl", size = 7, hashes = { sha256 = "aa" } },
  { url = "https://x.example/foo_bar-1.0-cp311-cp311-win32.whl", hashes = { sha256 = "bb" } },
]
"""


def test_the_fitting_wheel_of_a_lock_is_taken() -> None:
    (wheel,) = read_pylock(LOCK)

    assert (wheel.name, wheel.sha256, wheel.size) == ("foo-bar", "aa", 7)


@pytest.mark.parametrize(
    "text",
    ["[[packages]]\nname='x'\nversion='1'", "[[packages]]\nversion='1'", "packages ="],
)
def test_a_lock_without_a_usable_wheel_is_refused(text: str) -> None:
    with pytest.raises(EnvironmentBuildError):
        read_pylock(text)


@pytest.mark.parametrize(
    ("better", "worse"),
    [("a-1-py3-none-any.whl", "a-1-py2.py30-none-any.whl")],
)
def test_more_specific_wheels_rank_first(better: str, worse: str) -> None:
    one, other = wheel_rank(better), wheel_rank(worse)

    assert one is not None
    assert other is not None
    assert one < other


@pytest.mark.parametrize("name", ["a-1-cp27-cp27m-win32.whl", "nothing.whl", "a.tar.gz"])
def test_other_machines_and_other_files_have_no_rank(name: str) -> None:
    assert wheel_rank(name) is None


def test_a_dated_resolution_sees_no_later_upload(tmp_path: Path) -> None:
    build_wheel(tmp_path / "index", "needle", "1.0", {"needle.py": ""})
    build_wheel(tmp_path / "index", "needle", "2.0", {"needle.py": ""}, requires=("thread",))
    build_wheel(tmp_path / "index", "thread", "1.0", {"thread.py": ""})
    date_wheels(tmp_path / "index", {"needle-2.0-py3-none-any.whl": "2025-01-01"})
    layout = Layout(tmp_path / "home")

    with serve_wheels(tmp_path / "index") as index:
        new = resolve(layout, ("needle",), index_url=index.url)
        old = resolve(layout, ("needle",), as_of="2024-06-01", index_url=index.url)
        with pytest.raises(UnresolvableError, match="needle>=3"):
            resolve(layout, ("needle>=3",), index_url=index.url)

    assert [(wheel.name, wheel.version) for wheel in new] == [("needle", "2.0"), ("thread", "1.0")]
    assert [(wheel.name, wheel.version) for wheel in old] == [("needle", "1.0")]


def test_an_index_that_is_not_there_is_a_fault_of_the_network(tmp_path: Path) -> None:
    with serve_wheels(tmp_path) as index:
        gone = index.url

    with pytest.raises(EnvironmentBuildError, match="could not be reached") as caught:
        resolve(Layout(tmp_path), ("needle",), index_url=gone)

    assert not isinstance(caught.value, UnresolvableError)
