"""The agent's ``config.toml``, written whole: what ``cra init`` writes does not run. Pure."""

from __future__ import annotations

from typing import Any

import tomlkit

from cra_pipeline.contracts.agents import AgentSettings

TAGS = {"coding": "cra-coding", "reasoning": "cra-reasoning", "classifier": "cra-classifier"}
"""Model tag by the agent's role; the gateway tells call kinds by the system prompt instead."""

TEST_COMMAND = "pytest"
"""The agent shows its first word in every prompt; the program of that name is ours."""


def configuration(
    settings: AgentSettings, *, port: int, temperature: float, test_timeout_s: int
) -> str:
    """Text of the file.

    Args:
        settings: What decides the prompts.
        port: Of the relay, on loopback inside the sandbox.
        temperature: For all three roles.
        test_timeout_s: Seconds that the test command may take.
    """
    document: dict[str, Any] = {
        "models": {
            "provider": "ollama",
            "base_url": f"http://127.0.0.1:{port}",
            **TAGS,
            "context_window": settings.context_window,
            "temperature": dict.fromkeys(TAGS, temperature),
        },
        "budget": {
            "context_window": settings.context_window,
            "reserved_tokens": settings.reserved_tokens,
        },
        "stages": {"default": ",".join(settings.stages)},
        "testing": {"test_command": TEST_COMMAND, "timeout": test_timeout_s},
        "orchestrator": _orchestrator(settings),
        "retrieval": _retrieval(settings),
        "indexer": {"max_commits": 500},
        "environment": {"coding_style": "development"},
    }
    return tomlkit.dumps(document)


def _retrieval(settings: AgentSettings) -> dict[str, int]:
    names = ("max_deps", "max_co_changes", "max_metadata", "max_keywords")
    return dict(zip(names, (*settings.max_files, settings.max_keywords), strict=True))


def _orchestrator(settings: AgentSettings) -> dict[str, Any]:
    return {
        # A retry repeats the same prompt without a word on what failed.
        "max_retries_per_step": 0,
        "max_retries_per_test_step": 0,
        "max_adjustment_rounds": settings.adjustment_rounds,
        "git_workflow": True,
        "max_cumulative_diff_chars": settings.max_diff_chars,
        "documentation_pass": settings.documentation,
        # For C only.
        "scaffold_enabled": False,
        "scaffold_compiler": "gcc",
        "scaffold_compiler_flags": "-c -fsyntax-only -Wall",
        "decomposed_planning": settings.decomposed,
        "decomposed_part_grouping": settings.binary_grouping,
        "decomposed_scaffold": False,
        "decomposed_adjustment": False,
        "decomposed_error_classification": False,
    }
