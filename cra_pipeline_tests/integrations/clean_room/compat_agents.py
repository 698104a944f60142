"""A package of the agent's name with the names that a transport needs, in words of our own."""

from __future__ import annotations

from pathlib import Path

from cra_pipeline_tests.integrations.clean_room.programs import install_stand_in, package_of

CLIENT = '''
"""What stands in for the agent's client."""
from dataclasses import dataclass

CHARS_PER_TOKEN_CONSERVATIVE = 3
OUTPUT_MARGIN_TOKENS = 256

@dataclass
class ModelConfig:
    model: str
    base_url: str
    provider: str = "ollama"
    temperature: float = 0.0
    max_tokens: int = 4096
    context_window: int = 32768

@dataclass
class LLMResponse:
    text: str
    thinking: str | None
    prompt_tokens: int | None
    completion_tokens: int | None
    latency_ms: int

def strip_thinking(text):
    before, opened, rest = text.partition("<think>")
    if not opened:
        return text, None
    thought, closed, after = rest.rpartition("</think>")
    if not closed:
        thought, after = rest, ""
    return (before + after).strip(), thought.strip() or None

class LLMClient:
    def __init__(self, config):
        self.config = config
        if config.provider != "ollama":
            raise RuntimeError(config.provider + ": not known")
    def complete(self, prompt, system=None):
        return LLMResponse("own", None, None, None, 0)
    def close(self):
        pass

class LoggedLLMClient:
    def __init__(self, config):
        self._client = LLMClient(config)
    def complete(self, prompt, system=None):
        return self._client.complete(prompt, system=system)
    def close(self):
        self._client.close()
'''
START = """
import json, sys
from clean_room_agent.llm import client
from clean_room_agent.retrieval.scope_stage import SCOPE_BINARY_SYSTEM
logged = client.LoggedLLMClient(client.ModelConfig("own-tag", *sys.argv[1:]))
said = logged.complete("File: till.py", SCOPE_BINARY_SYSTEM)
logged.close()
print(json.dumps([sys.argv[0], type(logged._client).__name__, vars(said) | {"latency_ms": 0}]))
"""


def compat_site(folder: Path) -> Path:
    """Folder from which the stand-in is imported, for the module search path."""
    package = package_of(install_stand_in(folder))
    (package / "llm" / "client.py").write_text(CLIENT)
    (package / "__main__.py").write_text(START)
    return package.parent
