"""The agent's ``config.toml``, as far as the stand-in follows it."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Settings:
    """What decides a run.

    Attributes:
        models: Base URL, and the tag of each role.
        window: Tokens of prompt and answer together.
        reserved: Tokens that assembly leaves free.
        max_tokens: Tokens that the gate keeps for the answer.
    """

    models: dict[str, Any]
    window: int
    reserved: int
    max_tokens: int
    stages: tuple[str, ...]
    test_command: str
    test_timeout_s: int
    style: str
    most_files: int
    orchestrator: dict[str, Any]

    def temperature(self, role: str) -> float:
        """Of a role; 0 where none is set."""
        return float(self.models.get("temperature", {}).get(role, 0.0))


def read_settings(repo: Path) -> Settings:
    """Read them.

    Raises:
        KeyError: A key that the agent needs is missing.
        FileNotFoundError: There is no configuration.
    """
    told = tomllib.loads((repo / ".clean_room" / "config.toml").read_text(encoding="utf-8"))
    models, testing = told["models"], told["testing"]
    window = int(models["context_window"])
    return Settings(
        models=models,
        window=window,
        reserved=int(told["budget"]["reserved_tokens"]),
        max_tokens=int(models.get("max_tokens", window // 8)),
        stages=tuple(told["stages"]["default"].split(",")),
        test_command=testing["test_command"],
        test_timeout_s=int(testing["timeout"]),
        style=told["environment"]["coding_style"],
        most_files=int(told["retrieval"].get("max_metadata", 20)),
        orchestrator=told["orchestrator"],
    )
