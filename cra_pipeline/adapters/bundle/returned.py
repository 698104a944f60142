"""What must hold of a tuned base that came back: each rule gives its faults, one sentence each."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from cra_pipeline.contracts.bases import BaseRecord
from cra_pipeline.contracts.bundles import BundleManifest, BundleResult
from cra_pipeline.contracts.manifests import Input

CONFIG = "config.json"
_WEIGHTS = (".safetensors", ".safetensors.index.json")
_WINDOW, _HEAD = "max_position_embeddings", "lm_head.weight"


def result_faults(
    result: BundleResult,
    sent: BundleManifest,
    digest: str,
    base: BaseRecord,
    files: Sequence[Input],
) -> Iterator[str]:
    """Where a result is not of the bundle that was sent, of this base, or of these files.

    Args:
        result: As the bundle's script wrote it.
        sent: Manifest of the bundle.
        digest: SHA-256 of that manifest's bytes.
        base: The base that it replaces.
        files: What lies in ``model/``, hashed now.
    """
    named = {item.name: item.content_id for item in sent.files}
    pairs = [
        ("bundle", result.bundle, digest),
        ("recipe", result.recipe, named.get("recipe.json", "")),
        ("base of the result", result.base_digest, base.content_id),
        ("base of the bundle", sent.base_digest, base.content_id),
    ]
    for name, found, expected in pairs:
        if found != expected:
            yield f"{name} is {found[:12]}, expected {expected[:12]}"
    trained = sum(item.count for item in sent.counts if item.label != "evaluation")
    if result.rows != trained:
        yield f"{result.rows} rows were trained, the bundle has {trained}"
    if result.steps < result.planned_steps:
        yield f"the run was cut short: {result.steps} of {result.planned_steps} steps"
    told = {item.name: item.content_id for item in result.files}
    now = {item.name: item.content_id for item in files}
    changed = sorted(name for name in told.keys() | now.keys() if told.get(name) != now.get(name))
    if changed:
        yield f"{', '.join(changed)}: not the files that the result names"


def file_faults(before: Sequence[Input], after: Sequence[Input]) -> Iterator[str]:
    """Tokenizer, chat template and all other files but weights are those of the base, to a byte."""
    old, new = (
        {
            item.name: item.content_id
            for item in files
            if item.name != CONFIG and not item.name.endswith(_WEIGHTS)
        }
        for files in (before, after)
    )
    for name in sorted(old.keys() | new.keys()):
        if old.get(name) != new.get(name):
            yield f"{name}: differs from the base's"


def config_faults(
    before: Mapping[str, Any], after: Mapping[str, Any], window: int
) -> Iterator[str]:
    """The configuration is the base's, its window the recipe's."""
    for name in sorted(before.keys() | after.keys()):
        expected = window if name == _WINDOW else before.get(name)
        if after.get(name) != expected:
            yield f"{CONFIG}: {name} is {after.get(name)!r}, expected {expected!r}"


def tensor_faults(
    before: Mapping[str, Sequence[int]], after: Mapping[str, Sequence[int]], *, tied: bool
) -> Iterator[str]:
    """Every tensor of the base is there in its shape, and no other one.

    Args:
        before: Shapes of the base's tensors by name.
        after: Of what came back.
        tied: Whether the head is the embedding, so that files may hold it or not.
    """
    for name in sorted(before.keys() | after.keys()):
        if tied and name == _HEAD:
            continue
        old, new = before.get(name), after.get(name)
        if old is None or new is None or list(old) != list(new):
            yield f"tensor {name} is {_shape(new)}, expected {_shape(old)}"


def _shape(found: Sequence[int] | None) -> str:
    return "missing" if found is None else str(list(found))
