"""Bases and adapters in the form of llama-server, by the converters of its own source."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
import tempfile
from pathlib import Path

from cra_pipeline.contracts.workspace import Layout
from cra_pipeline.errors import ModelError, StoreError
from cra_pipeline.integrations.bases import hashed
from cra_pipeline.integrations.files import rows_content_id, write_bytes
from cra_pipeline.integrations.leftovers import prefix_of
from cra_pipeline.integrations.model_server import gguf_convert
from cra_pipeline.integrations.model_server.held import passed_on
from cra_pipeline.integrations.model_server.llama_policy import Weights

_QUOTED = 1500
_NAME = 16


def base_gguf(layout: Layout, source: Path, base: Path, weights: Weights) -> Path:
    """A base's file, converted where this content was not yet, or where its file is not whole.

    A file beside it holds the SHA-256 of what was converted. It is compared at every start: a
    byte that the disk lost would change answers without a word.

    Args:
        layout: The workspace, which keeps it below ``gguf/``.
        source: Of llama.cpp.
        base: The model's folder.
        weights: Their form.

    Raises:
        ModelError: It cannot be converted.
        StoreError: A file cannot be read or written.
    """
    content = rows_content_id(hashed(base))[:_NAME]
    target = layout.root / "gguf" / f"{content}-{weights}.gguf"
    if _is_whole(target):
        return target
    target.parent.mkdir(parents=True, exist_ok=True)
    layout.scratch.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=layout.scratch, prefix=prefix_of("server")) as folder:
        half = Path(folder) / "base.gguf"
        told: list[Path | str] = [base.resolve(), "--outfile", half, "--outtype", weights]
        _convert(source, "convert_hf_to_gguf.py", told)
        _put(half, target)
    return target


def _is_whole(path: Path) -> bool:
    """Whether it is what was converted; what is not told about is not trusted."""
    try:
        return _told(path).read_text(encoding="ascii") == _digest(path)
    except (FileNotFoundError, UnicodeDecodeError):
        return False
    except OSError as error:
        raise StoreError(f"{path}: cannot be read ({error.strerror}): remove it") from error


def _put(half: Path, target: Path) -> None:
    """In place of what was there; cut off at any moment, it is converted again."""
    try:
        with half.open("rb+") as file:
            os.fsync(file.fileno())
        digest = _digest(half)
        _told(target).unlink(missing_ok=True)
        half.replace(target)
    except OSError as error:
        raise StoreError(f"{target}: could not be written ({error.strerror})") from error
    write_bytes(_told(target), digest.encode())


def _told(path: Path) -> Path:
    return path.with_name(f"{path.name}.sha256")


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def adapter_gguf(source: Path, base: Path, adapter: Path, target: Path) -> None:
    """Write an adapter's file, its figures in float32.

    Args:
        source: Of llama.cpp.
        base: Folder of the model that it was trained on; only its configuration is read.
        adapter: Folder of a vetted adapter.
        target: The file.

    Raises:
        ModelError: It cannot be converted.
    """
    told: list[Path | str] = ["--base", base.resolve(), "--outfile", target, "--outtype", "f32"]
    _convert(source, "convert_lora_to_gguf.py", [*told, adapter.resolve()])


def _convert(source: Path, script: str, told: list[Path | str]) -> None:
    command = [sys.executable, gguf_convert.__file__, source, script, *told]
    offline = {"HF_HUB_OFFLINE": "1", "TRANSFORMERS_OFFLINE": "1", "OMP_NUM_THREADS": "1"}
    done = subprocess.run(
        [str(part) for part in command],
        capture_output=True,
        text=True,
        errors="replace",
        check=False,
        env=passed_on(os.environ) | offline,
    )
    if done.returncode:
        raise ModelError(
            f"{script}: {told} could not be converted: {done.stderr.strip()[-_QUOTED:]}"
        )
