"""Folders of trained adapters: whether what lies in one may be served, and its digest."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Collection, Iterable
from pathlib import Path
from typing import Any

from cra_pipeline.contracts.adapters import PROJECTIONS, AdapterManifest, AdapterRecipe
from cra_pipeline.errors import GuardError, StoreError
from cra_pipeline.integrations.files import read_record

WEIGHTS, CONFIG, MANIFEST = "adapter_model.safetensors", "adapter_config.json", "adapter.json"
_PICKLED = (".bin", ".pt", ".pth", ".pkl", ".ckpt")
_PEFT = "base_model.model."
_LAYER = re.compile(r"\.layers\.([0-9]+)\.")
_TENSOR = re.compile(r".*\.([a-z_]+)\.lora_(A|B)(?:\.[a-z0-9_]+)?\.weight")
_PLAIN: tuple[tuple[str, tuple[Any, ...]], ...] = (
    ("peft_type", ("LORA",)),
    ("use_dora", (False, None)),
    ("modules_to_save", (None, [])),
    ("bias", ("none",)),
    ("trainable_token_indices", (None,)),
    # Servers pass over these, or read them each in its own way.
    ("use_rslora", (False, None)),
    ("alpha_pattern", ({}, None)),
    ("rank_pattern", ({}, None)),
    ("lora_bias", (False, None)),
    ("fan_in_fan_out", (False, None)),
    ("layer_replication", (None,)),
    ("alora_invocation_tokens", (None,)),
)
"""Settings of an adapter that every server of ours can serve."""


def adapter_digest(folder: Path) -> tuple[str, str]:
    """SHA-256 over weights and configuration by name, and of the weights alone.

    Raises:
        GuardError: One of them is missing.
    """
    found = {name: hashlib.sha256(_bytes(folder / name)).hexdigest() for name in (CONFIG, WEIGHTS)}
    text = json.dumps(found, sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest(), found[WEIGHTS]


def read_adapter(folder: Path, *, base_digest: str) -> AdapterManifest:
    """Manifest of a finished adapter whose files are those that were trained, and sound.

    Args:
        folder: Of the adapter.
        base_digest: Content id of the base that it is to be served on.

    Raises:
        GuardError: It is half-written, changed, of another base, or not sound.
    """
    try:
        manifest = read_record(folder / MANIFEST, AdapterManifest)
    except StoreError as error:
        raise GuardError(
            f"{folder}: no finished adapter ({error}): train it again; a folder without its "
            f"{MANIFEST} is half-written"
        ) from error
    if manifest.recipe.base_digest != base_digest:
        raise GuardError(
            f"{folder}: trained on base {manifest.recipe.base_digest[:12]}, expected "
            f"{base_digest[:12]}: adapters never cross bases; train one on this base"
        )
    vet(folder, manifest.recipe)
    digest, _ = adapter_digest(folder)
    if digest != manifest.adapter_digest:
        raise GuardError(
            f"{folder}: its files have digest {digest[:12]}, {MANIFEST} says "
            f"{manifest.adapter_digest[:12]}: they were changed since; train it again"
        )
    return manifest


def vet(folder: Path, recipe: AdapterRecipe) -> None:
    """Refuse an adapter that is not what its recipe says, or that no server should load.

    Raises:
        GuardError: Pickled weights, DoRA or whole modules beside the adapter, other targets or
            another rank than the recipe's, a tensor that does not fit, is not finite or is lacking.
    """
    config = _vet_files(folder)
    _require(folder, "r", config.get("r"), recipe.rank)
    _require(folder, "lora_alpha", config.get("lora_alpha"), recipe.alpha)
    _require(folder, "target_modules", config.get("target_modules"), sorted(recipe.targets))
    _require_base(folder, config, recipe)
    _vet_tensors(folder, recipe.rank, recipe.targets)


def _vet_files(folder: Path) -> dict[str, Any]:
    pickled = sorted(path.name for path in folder.iterdir() if path.suffix in _PICKLED)
    if pickled:
        raise GuardError(f"{folder}: {', '.join(pickled)}: only safetensors are loaded; remove it")
    config = _config(folder)
    for key, allowed in _PLAIN:
        if config.get(key, allowed[0]) not in allowed:
            raise GuardError(
                f"{folder / CONFIG}: {key} is {config[key]!r}, expected {allowed[0]!r}: train a "
                "plain LoRA adapter"
            )
    return config


def vet_alone(folder: Path, base: Path) -> None:
    """Refuse what no server should load, without a recipe: files, configuration, base fit.

    Args:
        folder: Of the adapter.
        base: Folder of the base's own files; only the headers of its weights are read.

    Raises:
        GuardError: As ``vet`` says, the configuration's own rank and targets being the rule; or a
            tensor belongs to no layer of the base, or has another size.
    """
    config = _vet_files(folder)
    rank, targets = config.get("r"), config.get("target_modules")
    if not isinstance(rank, int) or not isinstance(targets, list):
        raise GuardError(
            f"{folder / CONFIG}: r is {rank!r}, target_modules {targets!r}: expected a number and "
            "a list of layers; train it again"
        )
    shapes = _vet_tensors(folder, rank, targets)
    _require_fit(folder, shapes, base)


def _require_fit(folder: Path, shapes: dict[str, tuple[int, ...]], base: Path) -> None:
    held = tensor_shapes(base)
    for name, shape in shapes.items():
        layer, _, side = name.rpartition(".lora_")
        whole = held.get(f"{layer.removeprefix(_PEFT)}.weight")
        if whole is None:
            raise GuardError(f"{folder / WEIGHTS}: tensor {name} belongs to no layer of {base}")
        expected, found = (whole[1], shape[1]) if side.startswith("A") else (whole[0], shape[0])
        if expected != found:
            raise GuardError(
                f"{folder / WEIGHTS}: tensor {name} has shape {shape}, its layer in {base} has "
                f"{whole}: it was trained on another base"
            )


def tensor_shapes(folder: Path) -> dict[str, tuple[int, ...]]:
    """Shape of every tensor of a model's or an adapter's safetensors files, by name.

    Raises:
        GuardError: A file cannot be read.
    """
    from safetensors import SafetensorError, safe_open

    found: dict[str, tuple[int, ...]] = {}
    for path in sorted(folder.glob("*.safetensors")):
        try:
            with safe_open(path, framework="np") as file:
                for name in file.keys():  # noqa: SIM118  # no mapping: it cannot be iterated
                    found[name] = tuple(file.get_slice(name).get_shape())
        except (SafetensorError, OSError) as error:
            raise GuardError(f"{path}: cannot be read ({error}): bring it back") from error
    return found


def _require(folder: Path, key: str, found: object, expected: object) -> None:
    if isinstance(found, list):
        found = sorted(found)
    if found != expected:
        raise GuardError(
            f"{folder / CONFIG}: {key} is {found!r}, the recipe says {expected!r}: train it again"
        )


def _require_base(folder: Path, config: dict[str, Any], recipe: AdapterRecipe) -> None:
    _require(folder, "base_model_name_or_path", config["base_model_name_or_path"], recipe.base_id)
    _require(folder, "revision", config["revision"], recipe.base_digest)


def _config(folder: Path) -> dict[str, Any]:
    try:
        found = json.loads(_bytes(folder / CONFIG))
    except ValueError as error:
        raise GuardError(f"{folder / CONFIG}: no JSON ({error}): train it again") from error
    if not isinstance(found, dict) or not {"base_model_name_or_path", "revision"} <= set(found):
        raise GuardError(f"{folder / CONFIG}: no configuration of an adapter: train it again")
    return found


def _bytes(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise GuardError(
            f"{path}: cannot be read ({error.strerror}): the adapter is half-written; train it "
            "again"
        ) from error


def _vet_tensors(folder: Path, rank: int, targets: Collection[str]) -> dict[str, tuple[int, ...]]:
    """Shapes of the tensors by name, all of them sound."""
    from safetensors import SafetensorError, safe_open

    path = folder / WEIGHTS
    seen: dict[str, set[str]] = {}
    shapes: dict[str, tuple[int, ...]] = {}
    try:
        with safe_open(path, framework="pt") as file:
            for name in file.keys():  # noqa: SIM118  # no mapping: it cannot be iterated
                tensor = file.get_tensor(name)
                side = _vet_tensor(path, name, tensor, rank, targets)
                seen.setdefault(name.rpartition(".lora_")[0], set()).add(side)
                shapes[name] = tuple(tensor.shape)
    except (SafetensorError, OSError) as error:
        raise GuardError(
            f"{path}: cannot be read ({error}): the adapter is half-written; train it again"
        ) from error
    lone = sorted(name for name, sides in seen.items() if sides != {"A", "B"})
    if lone or not seen:
        raise GuardError(f"{path}: {lone or 'no tensors'}: expected A and B of every target")
    _require_every_target(path, seen, targets)
    return shapes


def _require_every_target(path: Path, modules: Iterable[str], targets: Collection[str]) -> None:
    """Of every target one in each layer: a server takes a lacking one for one that changes nothing.

    Args:
        path: Of the weights.
        modules: Names of those that have tensors; each ends in one of the targets.
        targets: That the configuration names.
    """
    layers: dict[str, set[str]] = {target: set() for target in targets}
    for name in modules:
        layers[name.rpartition(".")[2]].update(_LAYER.findall(name) or [""])
    every = set().union(*layers.values())
    lacking = {target: sorted(every - found, key=_number) for target, found in layers.items()}
    for target, of_layers in sorted(lacking.items()):
        if of_layers:
            raise GuardError(
                f"{path}: {target}: no tensors in layers {', '.join(of_layers) or 'any'}, where "
                "other targets have some: the adapter is not whole; train it again"
            )


def _number(layer: str) -> int:
    return int(layer or -1)


def _vet_tensor(
    path: Path,
    name: str,
    tensor: Any,  # noqa: ANN401  # torch's own
    rank: int,
    targets: Collection[str],
) -> str:
    matched = _TENSOR.fullmatch(name)
    if matched is None or matched[1] not in targets or matched[1] not in PROJECTIONS:
        raise GuardError(f"{path}: tensor {name} belongs to no target of its own: train again")
    found = tensor.shape[0] if matched[2] == "A" else tensor.shape[-1]
    if tensor.ndim != 2 or found != rank:  # noqa: PLR2004  # a matrix has two sides
        raise GuardError(
            f"{path}: tensor {name} has shape {tuple(tensor.shape)}, expected rank {rank}"
        )
    if not tensor.isfinite().all():
        raise GuardError(
            f"{path}: tensor {name} holds values that are not finite: lower the learning rate and "
            "train again"
        )
    return matched[2]
