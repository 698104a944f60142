"""Where a local clone came from is read as text, and kept without any address."""

from __future__ import annotations

from pathlib import Path

import pytest

from cra_pipeline.errors import SourceError
from cra_pipeline.integrations.git.address import parse_address
from cra_pipeline.integrations.git.clone import clone_pinned
from cra_pipeline.integrations.git.upstream import kept_upstream, upstream_in
from cra_pipeline_tests.histories import Upstream


@pytest.mark.parametrize(
    ("config", "slug"),
    [
        ('[remote "origin"]\n\turl = https://github.com/Pallets/Click.git\n', "pallets/click"),
        (
            '[remote "origin"]\n\tfetch = +x\n\turl = git@host.example:a/click\n',
            "a/click",
        ),
        ('[remote "origin"]\n\turl = "https://me:secret@host.example/a/b.git/"\n', "a/b"),
        ('[remote "origin"]\n\turl = host.example:a/b.git\n', "a/b"),
        ('[remote "fork"]\n\turl = https://github.com/me/click.git\n', ""),
        ('[core]\n\tbare = true\n[remote "origin"]\n\turl = /srv/mirrors/click.git\n', ""),
        ('[remote "origin"]\n\turl = file:///srv/mirrors/click.git\n', ""),
        ('[remote "origin"]\n\turl =\n', ""),
        ("\0\xff[", ""),
    ],
)
def test_an_owner_is_read_from_what_origin_says(tmp_path: Path, config: str, slug: str) -> None:
    (tmp_path / "config").write_text(config, "utf-8")

    assert upstream_in(tmp_path) == slug


def test_a_folder_without_configuration_has_none(tmp_path: Path) -> None:
    assert (upstream_in(tmp_path), kept_upstream(tmp_path)) == ("", "")


def test_a_link_in_its_place_is_refused(tmp_path: Path) -> None:
    (tmp_path / "config").symlink_to("/dev/zero")

    with pytest.raises(SourceError, match="this is no ordinary repository"):
        upstream_in(tmp_path)


def test_a_snapshot_of_a_local_clone_keeps_it_and_no_address(tmp_path: Path) -> None:
    made = Upstream(tmp_path / "source")
    pin = made.commit({"lib.py": "x = 1\n"})
    made.run("remote", "add", "origin", "https://me:secret@host.example/owner/lib.git")
    target = tmp_path / "target.git"
    clone_pinned(parse_address(str(made.path)), pin, target, tmp_path / "scratch")

    assert kept_upstream(target) == "owner/lib"
    assert "secret" not in (target / "config").read_text("utf-8")
