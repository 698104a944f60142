"""Frozen bases of a workspace: imported once, read and hashed again whenever they are used."""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import tempfile
from pathlib import Path
from typing import Any, Literal

from cra_pipeline.contracts.bases import BaseRecord
from cra_pipeline.contracts.manifests import Input
from cra_pipeline.contracts.workspace import Layout
from cra_pipeline.errors import GuardError, StoreError
from cra_pipeline.integrations.files import read_record, rows_content_id, write_record
from cra_pipeline.integrations.leftovers import prefix_of

_PICKLED = (".bin", ".pt", ".pth", ".pkl", ".ckpt")
_ADAPTER = ("adapter_config.json", "adapter_model.safetensors", "adapter_model.bin")
_LORA = re.compile(r"lora_|\.base_layer\.|modules_to_save")
_NAMED = re.compile(r"[a-z]+-[0-9]+k-base-v([1-9][0-9]*)")
_KIBI = 1024

Role = Literal["reasoning", "coding", "tiny"]


def record_path(layout: Layout, base_id: str) -> Path:
    """``base.json`` of a base."""
    return layout.bases / base_id / "base.json"


def model_folder(layout: Layout, base_id: str) -> Path:
    """Folder of a base's files."""
    return layout.bases / base_id / "model"


def import_base(  # noqa: PLR0913  # one keyword per thing that the files do not say
    layout: Layout,
    source: Path,
    *,
    role: Role,
    name: str,
    window: int = 0,
    gate_1: str = "",
    replaces: str = "",
) -> BaseRecord:
    """Copy a model folder into the workspace, hash it, and freeze it under a new id.

    The same files of the same role are one base: a second import gives the first one's record.

    Args:
        layout: The workspace.
        source: Folder with configuration, tokenizer and safetensors weights.
        role: Which adapter kinds it serves.
        name: Upstream name, such as ``Qwen/Qwen3-4B``.
        window: Most tokens of a conversation; 0 for what its configuration says.
        gate_1: Digest of the report of Gate 1's base half; empty where none was made.
        replaces: Id of the base that it makes obsolete.

    Raises:
        GuardError: An adapter was merged into it or lies beside it, or weights are pickled.
        StoreError: A file is missing or damaged, or the disk is full.
    """
    _require_plain(source)
    files = hashed(source)
    digest = rows_content_id(files)
    for known in list_bases(layout):
        if (known.content_id, known.role, known.name) == (digest, role, name):
            return known
    if replaces:
        read_base(layout, replaces)
    config = _config(source)
    most = window or int(config.get("max_position_embeddings", 0))
    record = BaseRecord(
        base_id=_next_id(layout, role, most),
        role=role,
        name=name,
        architecture=str((config.get("architectures") or ["unknown"])[0]),
        parameters=_parameters(source),
        window=most,
        files=files,
        content_id=digest,
        gate_1=gate_1,
        replaces=replaces,
        **_chat(source),
    )
    _publish(layout, source, record)
    return record


def hashed(folder: Path) -> tuple[Input, ...]:
    """SHA-256 of every file of a model folder, sorted by name.

    Raises:
        StoreError: A file cannot be read.
    """
    files = sorted(
        (str(path.relative_to(folder)), path) for path in folder.rglob("*") if path.is_file()
    )
    return tuple(Input(name=name, content_id=_sha(path)) for name, path in files)


def list_bases(layout: Layout) -> tuple[BaseRecord, ...]:
    """Records of all bases, obsolete ones included, by id and version.

    Raises:
        StoreError: A record cannot be read.
    """
    paths = layout.bases.glob("*/base.json")
    found = [read_record(path, BaseRecord) for path in paths]
    return tuple(sorted(found, key=lambda record: (record.role, _version(record.base_id))))


def read_base(layout: Layout, base_id: str) -> BaseRecord:
    """Record of one base; its files are not looked at.

    Raises:
        StoreError: There is none of this id.
    """
    path = record_path(layout, base_id)
    if not path.exists():
        known = ", ".join(record.base_id for record in list_bases(layout)) or "none"
        raise StoreError(f"{path}: no such base; imported are: {known}")
    return read_record(path, BaseRecord)


def verify_base(layout: Layout, base_id: str) -> BaseRecord:
    """Record of one base whose files are, byte for byte, those that were frozen.

    Raises:
        GuardError: A file was changed, added or removed; where an adapter was merged into the
            weights, or lies beside them, the message says so.
        StoreError: There is no such base, or a file cannot be read.
    """
    record = read_base(layout, base_id)
    folder = model_folder(layout, base_id)
    _require_plain(folder)
    before = {item.name: item.content_id for item in record.files}
    now = {item.name: item.content_id for item in hashed(folder)}
    changed = sorted(
        name for name in before.keys() | now.keys() if before.get(name) != now.get(name)
    )
    if changed:
        merged = any(name.endswith(".safetensors") for name in changed)
        why = "; changed weights are those of a merged or further trained model" if merged else ""
        raise GuardError(
            f"{folder}: not the frozen base: {', '.join(changed)} differ from {base_id}'s record"
            f"{why}: bring the original files back, or import this model as a base of its own"
        )
    return record


def standing(records: tuple[BaseRecord, ...]) -> tuple[BaseRecord, ...]:
    """Bases that no other one made obsolete, and none on trial, in the given order."""
    gone = {record.replaces for record in records}
    return tuple(record for record in records if record.base_id not in gone and not record.on_trial)


def _require_plain(folder: Path) -> None:
    """Refuse leftovers of an adapter, and weights that are programs.

    Raises:
        GuardError: As said.
        StoreError: There is no model.
    """
    if not (folder / "config.json").is_file():
        raise StoreError(f"{folder / 'config.json'}: missing: expected a model's folder")
    for path in sorted(folder.rglob("*")):
        if path.name in _ADAPTER:
            raise GuardError(
                f"{path}: an adapter lies in the base's folder: a base is frozen, and adapters "
                "are never merged into it; remove it, or import the original model"
            )
        if path.suffix in _PICKLED:
            raise GuardError(f"{path}: pickled weights: only safetensors are loaded; convert them")
    weights = sorted(folder.glob("*.safetensors"))
    if not weights:
        raise StoreError(f"{folder}: no safetensors weights: copy the model again")
    for path in weights:
        odd = next((name for name in _tensors(path) if _LORA.search(name)), None)
        if odd is not None:
            raise GuardError(
                f"{path}: tensor {odd} is an adapter's: a base is frozen, and adapters are never "
                "merged into it; import the original model"
            )


def _tensors(path: Path) -> dict[str, Any]:
    """The header of a safetensors file, without its metadata; weights are not read."""
    try:
        with path.open("rb") as file:
            size = int.from_bytes(file.read(8), "little")
            # A torn or foreign file may claim any size: no more is read than there is.
            found = json.loads(file.read(min(size, path.stat().st_size)))
    except OSError as error:
        raise StoreError(f"{path}: cannot be read ({error.strerror})") from error
    except ValueError as error:
        raise StoreError(f"{path}: no safetensors file ({error}): copy it again") from error
    found.pop("__metadata__", None)
    return dict(found)


def _parameters(folder: Path) -> int:
    shapes = [
        tensor["shape"]
        for path in folder.glob("*.safetensors")
        for tensor in _tensors(path).values()
    ]
    return sum(_product(shape) for shape in shapes)


def _product(shape: list[int]) -> int:
    found = 1
    for side in shape:
        found *= side
    return found


def _config(folder: Path) -> dict[str, Any]:
    path = folder / "config.json"
    try:
        found = json.loads(path.read_bytes())
    except ValueError as error:
        raise StoreError(f"{path}: no JSON ({error}): copy it again") from error
    return dict(found)


def _chat(folder: Path) -> dict[str, str]:
    # Loads a compiled library, which a look at the records does not need.
    from cra_pipeline.integrations.chat.hugging_face import HuggingFaceChat

    chat = HuggingFaceChat(folder)
    # As it is named once the files lie in the workspace.
    return {"chat": f"model@{chat.name.partition('@')[2]}", "end_of_turn": chat.end_of_turn}


def _next_id(layout: Layout, role: str, window: int) -> str:
    taken = [_version(record.base_id) for record in list_bases(layout) if record.role == role]
    return f"{role}-{window // _KIBI}k-base-v{max(taken, default=0) + 1}"


def _version(base_id: str) -> int:
    matched = _NAMED.fullmatch(base_id)
    return int(matched[1]) if matched else 0


def _publish(layout: Layout, source: Path, record: BaseRecord) -> None:
    target = layout.bases / record.base_id
    try:
        layout.bases.mkdir(parents=True, exist_ok=True)
        # A killed import leaves a folder without its record, which is no base.
        shutil.rmtree(target, ignore_errors=True)
        layout.scratch.mkdir(parents=True, exist_ok=True)
        half = Path(tempfile.mkdtemp(dir=layout.scratch, prefix=prefix_of(".part")))
        shutil.copytree(source, half / "model")
        os.replace(half, target)  # noqa: PTH105  # the folder's own name is to go
        target.chmod(0o755)
    except OSError as error:
        raise StoreError(
            f"{target}: could not be written ({error.strerror}): free disk space, then import the "
            "base again"
        ) from error
    if hashed(target / "model") != record.files:
        raise StoreError(f"{target}: the copy differs from {source}: import it again")
    write_record(target / "base.json", record)


def _sha(path: Path) -> str:
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise StoreError(f"{path}: cannot be read ({error.strerror})") from error
