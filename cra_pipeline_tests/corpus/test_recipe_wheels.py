"""Tiny wheels: valid, repeatable, and refused where their data is broken."""

from __future__ import annotations

import base64
import csv
import hashlib
import io
import zipfile
from pathlib import Path

import pytest
from packaging.utils import parse_wheel_filename

from cra_pipeline.corpus.recipe_wheels import WheelSpec, build_wheel, load_wheels

WHEELS = Path(__file__).parents[2] / "corpus" / "tiny" / "wheels.toml"

GOLDEN = {  # SHA-256 by version
    "1.0": "c1b44e563f670d1ab32f4878e1d5ad28ff7ec79d9e2ed63d7cb638125c7d0265",
    "2.0": "19893c1f9cb09dfbce47792c6cf844c6d3b446cb7d150e88688c9bf310cb524b",
}


def archive(spec: WheelSpec) -> zipfile.ZipFile:
    return zipfile.ZipFile(io.BytesIO(build_wheel(spec)[1]))


def test_wheels_are_the_same_to_the_byte() -> None:
    built = {spec.version: build_wheel(spec)[1] for spec in load_wheels(WHEELS)}

    assert {
        version: hashlib.sha256(content).hexdigest() for version, content in built.items()
    } == GOLDEN


@pytest.mark.parametrize("spec", load_wheels(WHEELS), ids=lambda spec: spec.version)
def test_record_lists_every_file_with_its_hash(spec: WheelSpec) -> None:
    with archive(spec) as wheel:
        record = f"{spec.stem}.dist-info/RECORD"
        rows = {row[0]: row[1:] for row in csv.reader(wheel.read(record).decode().splitlines())}
        hashes = {
            name: base64.urlsafe_b64encode(hashlib.sha256(wheel.read(name)).digest())
            for name in wheel.namelist()
        }

    assert rows.pop(record) == ["", ""]
    assert {name: row[0] for name, row in rows.items()} == {
        name: f"sha256={digest.rstrip(b'=').decode()}"
        for name, digest in hashes.items()
        if name != record
    }


@pytest.mark.parametrize("spec", load_wheels(WHEELS), ids=lambda spec: spec.version)
def test_file_name_says_name_and_version(spec: WheelSpec) -> None:
    name, version, _, tags = parse_wheel_filename(build_wheel(spec)[0])

    assert (name, str(version), {str(tag) for tag in tags}) == (
        spec.name,
        spec.version,
        {"py3-none-any"},
    )


def test_newer_version_drops_what_the_older_one_offers() -> None:
    old, new = (spec.modules[0].text for spec in load_wheels(WHEELS))

    assert "def parse_size(" in old
    assert "parse_size" not in new


ENTRY = WHEELS.read_text(encoding="utf-8").partition("[[wheels]]\n")[2].partition("[[wheels]]")[0]


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ('"tinyunits"', '"Tiny_Units"', "'Tiny_Units' is no normalised name"),
        ("summary", "colour", "summary: Field required"),
        ("12:00:00Z", "12:00:00", "no offset from UTC"),
        ("2018-03-01", "2018-13-01", "no TOML"),
    ],
)
def test_broken_wheel_is_refused(old: str, new: str, words: str, tmp_path: Path) -> None:
    path = tmp_path / "wheels.toml"
    path.write_text("[[wheels]]\n" + ENTRY.replace(old, new))

    with pytest.raises(ValueError, match=words) as caught:
        load_wheels(path)
    assert str(caught.value).startswith(str(path))


def test_other_tables_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "wheels.toml"
    path.write_text("[[wheel]]\n" + ENTRY)

    with pytest.raises(ValueError, match="and nothing else"):
        load_wheels(path)
