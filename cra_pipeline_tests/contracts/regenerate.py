"""Writes the golden files again after a shape was changed on purpose.

``python -m cra_pipeline_tests.contracts.regenerate``; the difference belongs into the same commit
as the change of the shape.
"""

from __future__ import annotations

import enum
import importlib
import pkgutil
import types
from pathlib import Path
from typing import Any, Literal, Union, get_args, get_origin

import cra_pipeline.contracts
from cra_pipeline.contracts.record import Record
from cra_pipeline.integrations.files import write_record

GOLDEN = Path(__file__).parent / "golden"

_SAMPLES: dict[Any, Any] = {int: 7, float: 0.3, bool: True, bytes: b"bytes", Path: Path("/srv/lib")}
_NAMED = {"revision": "0123456789abcdef0123456789abcdef01234567", "round": "r01", "name": "name"}


def all_records() -> dict[str, type[Record]]:
    """Every shape of the contracts, by name."""
    modules = [
        importlib.import_module(f"cra_pipeline.contracts.{module.name}")
        for module in pkgutil.iter_modules(cra_pipeline.contracts.__path__)
    ]
    return {
        name: thing
        for module in modules
        for name, thing in sorted(vars(module).items())
        if isinstance(thing, type) and issubclass(thing, Record) and thing is not Record
    }


def example(record: type[Record]) -> Record:
    """A record in which every field is filled, the same every time."""
    return record(
        **{name: _sample(name, field.annotation) for name, field in record.model_fields.items()}
    )


def _sample(name: str, annotation: Any) -> Any:  # noqa: ANN401, PLR0911  # any annotation, one line each
    if annotation is str:
        return _NAMED.get(name, f"{name} “é”")
    if annotation in _SAMPLES:
        return _SAMPLES[annotation]
    origin, inner = get_origin(annotation), get_args(annotation)
    if origin in {Union, types.UnionType}:
        return _sample(name, inner[0])
    if origin is Literal:
        return inner[0]
    if origin is tuple and inner[-1] is Ellipsis:
        return (_sample(name, inner[0]), _sample(name, inner[0]))
    if origin is tuple:
        return tuple(_sample(name, part) for part in inner)
    if issubclass(annotation, enum.Enum):
        return next(iter(annotation))
    return example(annotation)


def main() -> None:
    """Write ``golden/<Record>.json`` for every record, and remove what has no record any more."""
    examples = {name: example(record) for name, record in all_records().items()}
    for old in GOLDEN.glob("*.json"):
        old.unlink()
    for name, record in examples.items():
        write_record(GOLDEN / f"{name}.json", record)


if __name__ == "__main__":
    main()
