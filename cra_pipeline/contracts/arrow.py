"""Arrow schemas derived from records, so that no column is declared twice.

Supported field types: ``str``, ``int``, ``float``, ``bool``, ``X | None``, ``tuple[X, ...]``,
``Literal`` of strings, ``StrEnum`` and nested records.
"""

from __future__ import annotations

import enum
import types
from typing import Any, Literal, Union, get_args, get_origin

import pyarrow as pa

from cra_pipeline.contracts.record import Record

_SCALARS: dict[Any, pa.DataType] = {
    str: pa.string(),
    int: pa.int64(),
    float: pa.float64(),
    bool: pa.bool_(),
}


def arrow_schema(record: type[Record]) -> pa.Schema:
    """Schema of a table whose rows are ``record``; field order is declaration order.

    Raises:
        TypeError: A field has a type that no column can hold.
    """
    return pa.schema(_fields(record))


def _fields(record: type[Record]) -> list[pa.Field]:
    return [
        pa.field(name, *_column(field.annotation)) for name, field in record.model_fields.items()
    ]


def _column(annotation: Any) -> tuple[pa.DataType, bool]:  # noqa: ANN401  # any annotation
    """Arrow type and nullability of one annotation."""
    if get_origin(annotation) in {Union, types.UnionType}:
        inner = [part for part in get_args(annotation) if part is not type(None)]
        if len(inner) == 1:
            return _column(inner[0])[0], True
    return _type(annotation), False


def _type(annotation: Any) -> pa.DataType:  # noqa: ANN401  # any annotation
    if annotation in _SCALARS:
        return _SCALARS[annotation]
    if get_origin(annotation) is tuple:
        return pa.list_(_type(get_args(annotation)[0]))
    if get_origin(annotation) is Literal:
        return pa.string()
    if isinstance(annotation, type) and issubclass(annotation, enum.StrEnum):
        return pa.string()
    if isinstance(annotation, type) and issubclass(annotation, Record):
        return pa.struct(_fields(annotation))
    raise TypeError(f"no Arrow column for {annotation!r}: use a scalar, tuple or Record")
