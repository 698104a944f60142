"""Answers a campaign again, byte for byte, from its request logs."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from pathlib import Path

from cra_pipeline.contracts.calls import CallRecord, ModelAnswer, ModelRequest
from cra_pipeline.contracts.triples import prompt_hash
from cra_pipeline.errors import ModelError, StoreError
from cra_pipeline.integrations.responders.ingredients import Ingredients


@dataclass(frozen=True, slots=True)
class _Place:
    path: Path
    offset: int


class RecordedResponder:
    """Gives the answer that was logged for the same attempt and number.

    Model and responder of the answer are those that answered at first, so that what is made of a
    replay equals what was made of the campaign.
    """

    name = "recorded"

    def __init__(self, folder: Path) -> None:
        """Look through the logs; a torn last line was never heard and is passed over.

        Args:
            folder: Holds ``calls.jsonl`` files at any depth.

        Raises:
            StoreError: There is none, a line does not fit, or two logs tell of one call.
        """
        self._folder = folder
        self._places: dict[tuple[str, int], _Place] = {}
        for path in sorted(folder.rglob("calls.jsonl")):
            self._index(path)
        if not self._places:
            raise StoreError(f"{folder}: no calls.jsonl with a call below it: name a campaign")

    @classmethod
    def build(cls, ingredients: Ingredients) -> RecordedResponder:
        """From the folder of recordings.

        Raises:
            ValueError: None is named.
        """
        if ingredients.recordings is None:
            raise ValueError("recorded: needs a folder with calls.jsonl files")
        return cls(ingredients.recordings)

    async def answer(self, request: ModelRequest) -> ModelAnswer:
        """The answer that was logged.

        Raises:
            ModelError: None was, the prompt was another, or there was an error then too.
        """
        which = f"{request.attempt}, call {request.number}"
        place = self._places.get((request.attempt, request.number))
        if place is None:
            raise ModelError(f"{self._folder}: no record of {which}")
        try:
            record = await asyncio.to_thread(_read, place)
        except (OSError, StoreError) as error:
            raise ModelError(f"{which}: its record cannot be read again: {error}") from error
        then = prompt_hash(record.system, record.prompt)
        now = prompt_hash(request.system, request.prompt)
        if then != now:
            raise ModelError(f"{which}: recorded for prompt {then}, but the agent sent {now}")
        if record.finish == "error":
            raise ModelError(record.error)
        return ModelAnswer(
            text=record.response,
            thinking=record.thinking,
            prompt_tokens=record.prompt_tokens,
            completion_tokens=record.completion_tokens,
            model=record.model,
            finish=record.finish,
            responder=record.responder,
        )

    def _index(self, path: Path) -> None:
        offset = 0
        with path.open("rb") as file:
            for number, line in enumerate(file, 1):
                if not line.endswith(b"\n"):
                    break
                record = _parsed(line, f"{path}:{number}")
                key = (record.attempt, record.number)
                if key in self._places:
                    raise StoreError(
                        f"{path}:{number}: {record.attempt}, call {record.number}, is also told "
                        f"by {self._places[key].path}: name the folder of one campaign"
                    )
                self._places[key] = _Place(path, offset)
                offset += len(line)


def _read(place: _Place) -> CallRecord:
    with place.path.open("rb") as file:
        file.seek(place.offset)
        return _parsed(file.readline(), str(place.path))


def _parsed(line: bytes, where: str) -> CallRecord:
    try:
        return CallRecord.parse_json(line, where=where)
    except ValueError as error:
        raise StoreError(f"{error}; the log is damaged: record the campaign again") from error
