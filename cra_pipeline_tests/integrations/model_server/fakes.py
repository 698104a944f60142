"""Folders that look like installed servers; what they start are small programs without a model.

The programs speak as the recorded real ones did: same addresses, same shapes, same words where
they fail. vLLM's is ``fake_vllm.py``, llama-server's ``fake_llama.py``.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import save_file

from cra_pipeline.contracts.workspace import Layout
from cra_pipeline.integrations.adapter_files import CONFIG, WEIGHTS
from cra_pipeline.integrations.model_server.install import SERVERS_VARIABLE
from cra_pipeline.integrations.model_server.process import ServedBase
from cra_pipeline_tests.adapters.worlds import adapter_tensors, bare_model
from cra_pipeline_tests.integrations.model_server.worlds import World

HERE = Path(__file__).parent
WINDOW = 256
FAILS = "fails"
"""File in a base's folder with which the fake servers do not start."""

_CONVERSION = """
class TextModel:
    def get_vocab_base_pre(self, tokenizer):
        raise NotImplementedError
    def _create_vocab_sentencepiece(self):
        raise ImportError("sentencepiece")
"""
_CONVERT = """
import pathlib, sys
from conversion.base import TextModel
assert TextModel().get_vocab_base_pre(None) == "gpt-2"
out = sys.argv[sys.argv.index("--outfile") + 1]
pathlib.Path(out).write_text(sys.argv[1])
"""


def installed_fakes(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Both servers, and the variable that names their folder."""
    monkeypatch.setenv(SERVERS_VARIABLE, str(folder))
    _program(folder / "vllm" / "env" / "bin" / "python", "fake_vllm.py")
    _program(folder / "llama_server" / "bin" / "llama-server", "fake_llama.py")
    source = folder / "llama_server" / "source"
    (source / "conversion").mkdir(parents=True)
    (source / "conversion" / "__init__.py").touch()
    (source / "conversion" / "base.py").write_text(_CONVERSION)
    for script in ("convert_hf_to_gguf.py", "convert_lora_to_gguf.py"):
        (source / script).write_text(_CONVERT)
    for name in ("vllm", "llama_server"):
        (folder / name / "installed.json").write_text(json.dumps({"version": "fake"}))


def _program(path: Path, script: str) -> None:
    path.parent.mkdir(parents=True)
    path.write_text(f'#!/bin/sh\nexec {sys.executable} -I {HERE / script} "$@"\n')
    path.chmod(0o755)


def fake_world(folder: Path) -> World:
    """A base of one block and two adapters that fit it, made without any training library."""
    base = bare_model(folder / "base")
    tensors = adapter_tensors()
    whole: dict[str, np.ndarray] = {}
    for name, low in tensors.items():
        layer, _, side = name.removeprefix("base_model.model.").rpartition(".lora_")
        if side.startswith("A"):
            high = tensors[name.replace("lora_A", "lora_B")]
            whole[f"{layer}.weight"] = np.zeros((high.shape[0], low.shape[1]), dtype=np.float32)
    save_file(whole, base / "layers.safetensors")
    return World(
        layout=Layout(folder / "workspace"),
        base=ServedBase(name="tiny-1k-base-v1", folder=base, window=WINDOW),
        adapters={f"scope-v{number}": _adapter(folder, number) for number in (1, 2)},
        questions=("Which file?",),
    )


def _adapter(folder: Path, number: int) -> Path:
    place = folder / f"adapter{number}"
    place.mkdir()
    save_file({name: value * number for name, value in adapter_tensors().items()}, place / WEIGHTS)
    targets = sorted({name.split(".")[-3] for name in adapter_tensors()})
    config = {
        "peft_type": "LORA", "r": 8, "lora_alpha": 16, "target_modules": targets, "bias": "none",
        "base_model_name_or_path": "tiny-1k-base-v1", "revision": "d" * 64,
    }  # fmt: skip
    (place / CONFIG).write_text(json.dumps(config))
    return place
