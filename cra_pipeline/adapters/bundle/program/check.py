"""To be run before anything is paid for: the bundle is whole, the base is the one, a step works.

``python check.py --base BASE``; with ``--any-machine`` it asks for neither GPUs nor pinned
versions. Each line says what holds; the first thing that does not ends it with status 1.
"""

from __future__ import annotations

import argparse
import math
import sys
from collections.abc import Callable, Iterator
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from .rows import BundleError, count_faults, read_rows, tokens_of, training_rows
from .train import loaded, require_same

_TRIED = 2
_LEAST_GIB = 79
"""Cards of 80 GB report a little less than that in GiB."""


def main(arguments: list[str] | None = None) -> int:
    """Check; returns the exit status."""
    told = _parser().parse_args(arguments)
    try:
        for line in checked(told.root, told.base, any_machine=told.any_machine):
            sys.stdout.write(f"holds: {line}\n")
    except BundleError as error:
        sys.stderr.write(f"does not hold: {error}\n")
        return 1
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="check.py", description=__doc__)
    here = Path(__file__).resolve().parent.parent
    parser.add_argument("--root", type=Path, default=here, help="Folder of the bundle.")
    parser.add_argument("--base", type=Path, required=True, help="Folder of the untuned base.")
    parser.add_argument("--any-machine", action="store_true", help="For a trial elsewhere.")
    return parser


def checked(root: Path, base: Path, *, any_machine: bool) -> Iterator[str]:
    """What holds, one line each, cheapest first.

    Raises:
        BundleError: Something does not.
    """
    manifest, recipe = require_same(root, base)
    yield f"hashes of {len(manifest['files'])} files and {len(manifest['base_files'])} of the base"
    _refuse(count_faults(root, manifest))
    yield ", ".join(f"{item['count']} {item['label']}" for item in manifest["counts"])
    if not any_machine:
        _refuse(version_faults(root / "requirements.txt"))
        _refuse(machine_faults(recipe["devices"]))
        yield "pinned versions, devices and their memory"
    tokenizer, model = loaded(base, recipe)
    _refuse(tokenizer_faults(tokenizer, recipe))
    tokens = [
        tokens_of(row, tokenizer, recipe["end_of_turn"])
        for row in (*training_rows(root, manifest), *read_rows(root, "evaluation"))
    ]
    longest = max(len(row["input_ids"]) for row in tokens)
    yield f"{len(tokens)} rows in tokens, the longest has {longest}, each ends its turn once"
    losses = [loss_of(model, row) for row in sorted(tokens, key=_length)[:_TRIED]]
    _refuse([f"loss {loss}" for loss in losses if not math.isfinite(loss)])
    yield f"forward passes of {len(losses)} rows, losses {', '.join(f'{x:.3f}' for x in losses)}"


def _refuse(faults: list[str]) -> None:
    if faults:
        raise BundleError("; ".join(faults[:5]))


def _length(row: dict[str, list[int]]) -> int:
    return len(row["input_ids"])


def tokenizer_faults(tokenizer: Any, recipe: dict[str, Any]) -> list[str]:  # noqa: ANN401  # a library's object
    """An end of turn that is several tokens, or not the tokenizer's own."""
    ids = tokenizer(recipe["end_of_turn"], add_special_tokens=False)["input_ids"]
    if len(ids) == 1 and tokenizer.eos_token == recipe["end_of_turn"]:
        return []
    return [
        f"end of turn {recipe['end_of_turn']!r}: {ids}, the tokenizer's {tokenizer.eos_token!r}"
    ]


def loss_of(model: Any, row: dict[str, list[int]]) -> float:  # noqa: ANN401  # a library's object
    """Loss of one row, without a gradient."""
    import torch

    with torch.no_grad():
        made = model(
            input_ids=torch.tensor([row["input_ids"]], device=model.device),
            labels=torch.tensor([row["labels"]], device=model.device),
        )
    return float(made.loss)


def version_faults(path: Path, known: Callable[[str], str] = version) -> list[str]:
    """Pins of ``requirements.txt`` that are not what is installed."""
    found = []
    for line in path.read_text(encoding="utf-8").split():
        name, _, pinned = line.partition("==")
        try:
            installed = known(name).partition("+")[0]
        except PackageNotFoundError:
            installed = "nothing"
        if installed != pinned:
            found.append(f"{name}: {installed} is installed, expected {pinned}")
    return found


def machine_faults(devices: int) -> list[str]:
    """Too few GPUs, or too small ones."""
    import torch

    count = torch.cuda.device_count()
    if count < devices:
        return [f"{count} GPUs, the recipe is for {devices}"]
    sizes = [torch.cuda.get_device_properties(number).total_memory >> 30 for number in range(count)]
    return [f"a GPU of {size} GiB, expected {_LEAST_GIB}" for size in sizes if size < _LEAST_GIB]
