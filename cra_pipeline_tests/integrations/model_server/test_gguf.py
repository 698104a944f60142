"""A base's converted file is served only as it was converted; a stand-in for llama.cpp's script."""

from __future__ import annotations

from pathlib import Path

import pytest

from cra_pipeline.contracts.workspace import Layout
from cra_pipeline.errors import ModelError
from cra_pipeline.integrations.model_server.gguf import base_gguf

THEIRS = """
class TextModel:
    def _create_vocab_sentencepiece(self): ...
    def get_vocab_base_pre(self, tokenizer): ...
"""
SCRIPT = """
import sys
from pathlib import Path
if (Path(sys.argv[1]) / "bad").exists():
    sys.exit("no such architecture")
Path(sys.argv[3]).write_bytes(b"GGUF" + bytes(1000))
with (Path(__file__).parent / "runs").open("a") as file:
    file.write(".")
"""


@pytest.fixture
def source(tmp_path: Path) -> Path:
    folder = tmp_path / "source"
    (folder / "conversion").mkdir(parents=True)
    (folder / "conversion" / "base.py").write_text(THEIRS)
    (folder / "convert_hf_to_gguf.py").write_text(SCRIPT)
    return folder


@pytest.fixture
def base(tmp_path: Path) -> Path:
    folder = tmp_path / "base"
    folder.mkdir()
    (folder / "model.safetensors").write_bytes(b"weights")
    return folder


def runs(source: Path) -> int:
    return len((source / "runs").read_text())


def test_a_base_is_converted_once(layout: Layout, source: Path, base: Path) -> None:
    first = base_gguf(layout, source, base, "f32")
    second = base_gguf(layout, source, base, "f32")

    assert (first, runs(source)) == (second, 1)
    assert first.read_bytes().startswith(b"GGUF")


@pytest.mark.parametrize("harm", ["flipped", "cut", "untold", "torn"])
def test_a_file_that_is_not_what_was_converted_is_not_served(
    harm: str, layout: Layout, source: Path, base: Path
) -> None:
    path = base_gguf(layout, source, base, "f32")
    whole, told = path.read_bytes(), path.with_name(f"{path.name}.sha256")
    if harm == "flipped":
        path.write_bytes(whole[:500] + b"\x01" + whole[501:])
    elif harm == "cut":
        path.write_bytes(whole[:-1])
    elif harm == "untold":
        told.unlink()
    else:
        told.write_bytes(b"\xff")

    assert base_gguf(layout, source, base, "f32").read_bytes() == whole
    assert runs(source) == 2


def test_what_cannot_be_converted_leaves_nothing(layout: Layout, source: Path, base: Path) -> None:
    (base / "bad").touch()
    with pytest.raises(ModelError, match="no such architecture"):
        base_gguf(layout, source, base, "f32")

    assert not list((layout.root / "gguf").iterdir())
