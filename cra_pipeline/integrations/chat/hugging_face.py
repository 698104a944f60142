"""Tokenizers and chat templates of models in Hugging Face's folder layout, read by themselves.

Only ``tokenizer.json``, ``tokenizer_config.json`` and ``chat_template.jinja`` are read: neither
weights nor a training library are needed.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from functools import lru_cache
from pathlib import Path

from tokenizers import Tokenizer

from cra_pipeline.contracts.chat import Rendering
from cra_pipeline.contracts.workspace import Layout
from cra_pipeline.errors import StoreError
from cra_pipeline.integrations.chat.template import ChatTemplate

NO_THINKING: Mapping[str, object] = {"enable_thinking": False}
"""Variables for templates: without it those of reasoning models open an empty thought in the
answer, which would then be trained."""

_TOKENIZER, _CONFIG, _TEMPLATE = "tokenizer.json", "tokenizer_config.json", "chat_template.jinja"
_SPECIAL = ("bos_token", "eos_token", "unk_token", "sep_token", "pad_token", "cls_token")
_PROMPTS_KEPT = 64


class HuggingFaceChat:
    """A ``ports.ChatFormat``; also counts tokens, for rules on length."""

    exact = True
    """Its numbers are the server's own."""

    def __init__(
        self,
        folder: Path,
        *,
        pad_token: str | None = None,
        end_of_turn: str | None = None,
        variables: Mapping[str, object] = NO_THINKING,
    ) -> None:
        """Read a model's folder.

        Args:
            folder: Holds the three files.
            pad_token: Another one than the configuration names.
            end_of_turn: Another one than the configuration's ``eos_token``, for bases whose
                template ends turns with a token of its own.
            variables: Beside the special tokens, for the template; the server must send the same.

        Raises:
            StoreError: A file is missing or damaged, or no end-of-turn token is named.
            ModelError: The chat template is none.
        """
        config = _read_config(folder)
        self._special = _special_tokens(config, folder)
        self._variables = dict(variables)
        source = _template_text(folder, config)
        self._template = ChatTemplate(source, where=str(folder))
        self._tokenizer = _read_tokenizer(folder)
        self.end_of_turn = end_of_turn or self._special.get("eos_token", "")
        if not self.end_of_turn:
            raise StoreError(f"{folder / _CONFIG}: no eos_token: name the end of a turn")
        pad = pad_token or self._special.get("pad_token")
        self.pad_id = None if pad is None else self._tokenizer.token_to_id(pad)
        self.end_ids = self._ids(self.end_of_turn)
        self.name = f"{folder.name}@{_digest(folder, source, self._variables, self._special)}"
        self._prompt = lru_cache(maxsize=_PROMPTS_KEPT)(self._opened)

    def render(self, system: str, prompt: str, answer: str) -> Rendering:
        """One conversation, whole.

        Raises:
            ModelError: The template refuses it.
        """
        opened, prompt_ids = self._prompt(system, prompt)
        whole = self._text(system, prompt, answer)
        rest = whole[len(opened) :] if whole.startswith(opened) else None
        return Rendering(
            prompt_text=opened,
            answer_text=rest,
            prompt_ids=prompt_ids,
            answer_ids=self._ids(rest or ""),
            whole_ids=self._ids(whole),
        )

    def count(self, system: str, prompt: str, answer: str) -> int:
        """Tokens of one conversation, from its first to its end-of-turn token.

        Raises:
            ModelError: The template refuses it.
        """
        whole = self._text(system, prompt, answer)
        return len(self._ids(whole[: whole.rfind(self.end_of_turn) + len(self.end_of_turn)]))

    def decode(self, ids: tuple[int, ...]) -> str:
        """The text of tokens, special ones included."""
        return str(self._tokenizer.decode(list(ids), skip_special_tokens=False))

    def prompt_ids(self, system: str, prompt: str) -> tuple[int, ...]:
        """What a server hands to the model, the answering turn opened.

        Raises:
            ModelError: The template refuses it.
        """
        return self._prompt(system, prompt)[1]

    @property
    def vocabulary(self) -> int:
        """How many token ids there are, from 0."""
        return int(self._tokenizer.get_vocab_size(with_added_tokens=True))

    def opened_ids(self, messages: Sequence[Mapping[str, str]]) -> tuple[int, ...]:
        """Any conversation, the answering turn opened; ``prompt_ids`` where it has two messages.

        Args:
            messages: Roles and contents, in order.

        Raises:
            ModelError: The template refuses it.
        """
        given = {**self._special, **self._variables}
        return self._ids(self._template.render(messages, opened=True, variables=given))

    def text_ids(self, text: str) -> tuple[int, ...]:
        """A text as it stands; special tokens that it names are meant."""
        return self._ids(text)

    def plain_text(self, ids: Sequence[int]) -> str:
        """The text of tokens, special ones left out."""
        return str(self._tokenizer.decode(list(ids), skip_special_tokens=True))

    def _opened(self, system: str, prompt: str) -> tuple[str, tuple[int, ...]]:
        text = self._text(system, prompt, None)
        return text, self._ids(text)

    def _text(self, system: str, prompt: str, answer: str | None) -> str:
        messages = [{"role": "system", "content": system}, {"role": "user", "content": prompt}]
        if answer is not None:
            messages.append({"role": "assistant", "content": answer})
        return self._template.render(
            messages, opened=answer is None, variables={**self._special, **self._variables}
        )

    def _ids(self, text: str) -> tuple[int, ...]:
        # The template wrote the special tokens already.
        return tuple(self._tokenizer.encode(text, add_special_tokens=False).ids)


def tokenizer_folder(layout: Layout, base: str) -> Path:
    """Where a workspace keeps the tokenizer of a base, such as ``Qwen/Qwen3-4B``."""
    return layout.root / "tokenizers" / base.replace("/", "--")


def _read_tokenizer(folder: Path) -> Tokenizer:
    path = folder / _TOKENIZER
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise StoreError(f"{path}: cannot be read ({error.strerror})") from error
    try:
        tokenizer = Tokenizer.from_str(text)
    except Exception as error:  # the library raises nothing narrower
        raise StoreError(f"{path}: no tokenizer ({error}): copy it again") from error
    # A file may ask for either; a prompt that is cut is none that the agent sends.
    tokenizer.no_truncation()
    tokenizer.no_padding()
    return tokenizer


def _read_config(folder: Path) -> dict[str, object]:
    path = folder / _CONFIG
    try:
        found = json.loads(path.read_bytes())
    except OSError as error:
        raise StoreError(f"{path}: cannot be read ({error.strerror})") from error
    except ValueError as error:
        raise StoreError(f"{path}: no JSON ({error}): copy it again") from error
    if not isinstance(found, dict):
        raise StoreError(f"{path}: found {type(found).__name__}, expected an object")
    return found


def _special_tokens(config: Mapping[str, object], folder: Path) -> dict[str, str]:
    found = {}
    for name in _SPECIAL:
        value = config.get(name)
        # Older files hold a token with its flags.
        text = value.get("content") if isinstance(value, dict) else value
        if text is None:
            continue
        if not isinstance(text, str):
            raise StoreError(f"{folder / _CONFIG}: {name}: found {value!r}, expected a text")
        found[name] = text
    return found


def _template_text(folder: Path, config: Mapping[str, object]) -> str:
    """The template beside the configuration, else the one within."""
    path = folder / _TEMPLATE
    if path.exists():
        return path.read_text(encoding="utf-8")
    within = config.get("chat_template")
    if isinstance(within, list):
        named = {str(item["name"]): str(item["template"]) for item in within}
        within = named.get("default")
    if not isinstance(within, str):
        raise StoreError(
            f"{folder}: no chat template: expected {_TEMPLATE}, or chat_template in {_CONFIG}"
        )
    return within


def _digest(
    folder: Path, template: str, variables: Mapping[str, object], special: Mapping[str, str]
) -> str:
    text = json.dumps([template, variables, special], sort_keys=True)
    content = (folder / _TOKENIZER).read_bytes() + text.encode()
    return hashlib.sha256(content).hexdigest()[:12]
