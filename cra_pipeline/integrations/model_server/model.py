"""A base model in memory with the adapters that were loaded onto it; one thread uses it.

Adapters are never merged: the base's own weights stay as they were read, and with every adapter
switched off it answers as if none had ever been loaded.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

from cra_pipeline.errors import ModelError
from cra_pipeline.integrations.chat.hugging_face import HuggingFaceChat
from cra_pipeline.integrations.model_server.decoding import Said, Wanted, said
from cra_pipeline.integrations.model_server.policy import Precision
from cra_pipeline.integrations.model_server.protocol import (
    BAD_REQUEST,
    TAKEN,
    UNKNOWN_MODEL,
    RefusedError,
)

WEIGHTS, CONFIG = "adapter_model.safetensors", "adapter_config.json"


class LoadedModel:
    """Answers under the base's name and under those of adapters."""

    def __init__(
        self, folder: Path, name: str, *, window: int, precision: Precision, device: str = "cpu"
    ) -> None:
        """Read the weights; code that a model's folder holds is never run.

        Args:
            folder: Model and tokenizer in Hugging Face's layout.
            name: Under which the base answers.
            window: Most tokens of prompt and answer together.
            precision: Of weights and activations.
            device: Where they lie.

        Raises:
            ModelError: The folder holds no model, or a window beyond the model's own is asked for.
            StoreError: Its tokenizer cannot be read.
        """
        self.name, self.window = name, window
        self.chat = HuggingFaceChat(folder)
        # After what may fail at once: they cost seconds.
        import torch
        from transformers import AutoModelForCausalLM

        try:
            read: Any = AutoModelForCausalLM.from_pretrained(
                folder,
                dtype=getattr(torch, precision),
                local_files_only=True,
                trust_remote_code=False,
                use_safetensors=True,
            )
            self._model = read.to(device)
        except (OSError, ValueError, RuntimeError, KeyError) as error:
            raise ModelError(f"{folder}: no model that can be served: {error}") from error
        self._model.eval()
        self._ends = self._end_ids()
        own = int(getattr(self._model.config, "max_position_embeddings", window))
        if window > own:
            raise ModelError(f"{folder}: its window is {own} tokens, {window} were asked for")
        self._adapters: dict[str, str] = {}
        self._seen: dict[str, str] = {}
        self._wrapped: Any = None
        self._active = name

    @property
    def names(self) -> tuple[str, ...]:
        """The base's first, then adapters, sorted."""
        return (self.name, *sorted(self._adapters))

    def require(self, name: str) -> None:
        """Refuse a name that nobody answers to.

        Raises:
            RefusedError: There is no such model; the base answers under its own name alone.
        """
        if name not in self.names:
            raise RefusedError(
                UNKNOWN_MODEL, f"model {name!r} is not served; expected one of {self.names}"
            )

    def decode(self, ids: Sequence[int]) -> str:
        """Text of tokens, special ones left out."""
        return self.chat.plain_text(ids)

    def answer(self, name: str, wanted: Wanted, left: Callable[[], bool]) -> Said:
        """What the base or an adapter says.

        Raises:
            RefusedError: No such model is served.
            LeftError: Nobody waits any more.
            ModelError: The model's figures are not finite.
        """
        self.require(name)
        self._switch(name)
        return said(self._model, wanted, ends=self._ends, decode=self.decode, left=left)

    def load(self, name: str, folder: Path) -> None:
        """Serve an adapter; loading the same one again changes nothing.

        Raises:
            RefusedError: The name is taken, or was another adapter's before, or the files hold no
                whole LoRA adapter of this base.
        """
        digest = _digest(folder)
        if name == self.name or self._seen.get(name, digest) != digest:
            raise RefusedError(
                TAKEN, f"{name} names another model here: a name is never given anew"
            )
        if name in self._adapters:
            return
        inner = f"adapter{len(self._seen)}"
        try:
            self._add(inner, folder)
            _require_whole(self._wrapped, inner, folder)
        except Exception as error:  # PEFT and safetensors raise what comes to hand
            self._drop(inner)
            raise RefusedError(
                BAD_REQUEST, f"{folder}: no adapter of this base: {error}"
            ) from error
        self._seen[name] = digest
        self._adapters[name] = inner

    def unload(self, name: str) -> None:
        """Serve an adapter no longer; its name stays its own.

        Raises:
            RefusedError: No such adapter is served.
        """
        if name not in self._adapters:
            raise RefusedError(UNKNOWN_MODEL, f"adapter {name!r} is not served")
        self._drop(self._adapters.pop(name))

    def _end_ids(self) -> frozenset[int]:
        told = self._model.generation_config.eos_token_id
        listed: Iterable[int] = told if isinstance(told, list) else [told]
        # An end of several tokens is found in no single one of them.
        own = self.chat.end_ids if len(self.chat.end_ids) == 1 else ()
        return frozenset({*own, *(token for token in listed if token is not None)})

    def _add(self, inner: str, folder: Path) -> None:
        from peft import PeftConfig, PeftModel

        config = PeftConfig.from_pretrained(str(folder))
        if config.peft_type != "LORA" or getattr(config, "use_dora", False):
            raise ValueError(f"expected a plain LoRA, found {config.peft_type}")
        # The layers are wrapped in place: the model that answers is the same object as before.
        self._active = ""
        if self._wrapped is None:
            self._wrapped = PeftModel.from_pretrained(
                self._model, str(folder), adapter_name=inner, autocast_adapter_dtype=False
            )
        else:
            self._wrapped.load_adapter(str(folder), inner, autocast_adapter_dtype=False)
        self._model.eval()

    def _drop(self, inner: str) -> None:
        self._active = ""
        if self._wrapped is not None and inner in self._wrapped.peft_config:
            self._wrapped.delete_adapter(inner)

    def _switch(self, name: str) -> None:
        if name == self._active or self._wrapped is None:
            return
        layers = self._wrapped.base_model
        if name == self.name:
            layers.disable_adapter_layers()
        else:
            layers.set_adapter(self._adapters[name])
            layers.enable_adapter_layers()
        self._active = name


def _digest(folder: Path) -> str:
    digest = hashlib.sha256()
    for name in (CONFIG, WEIGHTS):
        try:
            digest.update(hashlib.sha256((folder / name).read_bytes()).digest())
        except OSError as error:
            raise RefusedError(
                BAD_REQUEST, f"{folder / name}: cannot be read ({error.strerror})"
            ) from error
    return digest.hexdigest()


def _require_whole(wrapped: Any, inner: str, folder: Path) -> None:  # noqa: ANN401  # PEFT's
    """Every figure of the file is in the model, and nothing else: PEFT itself merely warns."""
    import torch
    from peft import get_peft_model_state_dict
    from safetensors.torch import load_file

    held = get_peft_model_state_dict(wrapped, adapter_name=inner)
    filed = load_file(folder / WEIGHTS)
    if odd := sorted(set(held) ^ set(filed)):
        raise ValueError(f"{len(odd)} weights are in the file or in the model alone: {odd[0]}")
    for key, value in filed.items():
        if not bool(torch.isfinite(value).all()):
            raise ValueError(f"{key}: holds a figure that is not finite")
        if not torch.equal(held[key].cpu(), value.to(held[key].dtype)):
            raise ValueError(f"{key}: not as it stands in the file")
