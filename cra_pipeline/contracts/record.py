"""The one base class of everything that touches disk."""

from __future__ import annotations

import hashlib
import json
from typing import Self

from pydantic import BaseModel, ConfigDict, ValidationError


class Record(BaseModel):
    """A frozen, strict shape; unknown fields are errors."""

    model_config = ConfigDict(frozen=True, strict=True, extra="forbid")

    @classmethod
    def parse_json(cls, text: str | bytes, *, where: str) -> Self:
        """Read one JSON object.

        Args:
            text: The JSON text.
            where: Names the file and line in the error, such as ``journal.jsonl:17``.

        Raises:
            ValueError: The text does not fit; the message names ``where``, the field and the fault.
        """
        try:
            return cls.model_validate_json(text)
        except ValidationError as error:
            first = error.errors(include_url=False)[0]
            field = ".".join(str(part) for part in first["loc"]) or "(document)"
            raise ValueError(f"{where}: {cls.__name__}.{field}: {first['msg']}") from error

    def canonical_json(self) -> str:
        """One line of JSON with sorted keys: equal records give equal bytes."""
        return json.dumps(
            self.model_dump(mode="json"), sort_keys=True, ensure_ascii=False, separators=(",", ":")
        )

    def digest(self) -> str:
        """SHA-256 (hex) of ``canonical_json``."""
        return hashlib.sha256(self.canonical_json().encode()).hexdigest()
