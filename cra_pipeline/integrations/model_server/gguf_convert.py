"""Runs llama.cpp's converters: ``python gguf_convert.py SOURCE SCRIPT ARGUMENT...``.

A tokenizer that they do not know by its name is written as if it split words as GPT-2's does.
That would be wrong for whoever hands llama-server a text. Ours hands it token numbers only, and
every byte-level tokenizer is read back alike.
"""

from __future__ import annotations

import runpy
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

_OF_ADAPTERS = "convert_lora_to_gguf.py"


def main() -> None:
    """Run the script as if it had been called."""
    source, script = Path(sys.argv[1]), sys.argv[2]
    sys.path[:0] = [str(source), str(source / "gguf-py")]
    if script == _OF_ADAPTERS:
        _do_without_transformers()
    _look_before_importing()
    _know_every_tokenizer()
    sys.argv = [script, *sys.argv[3:]]
    runpy.run_path(str(source / script), run_name="__main__")


def _do_without_transformers() -> None:
    """Its import costs more than the conversion of an adapter, which needs the base's sizes alone.

    They are read from ``config.json`` where the library cannot tell them.
    """

    class FromFile:
        @staticmethod
        def from_pretrained(*_: object, **__: object) -> None:
            raise ValueError("read from the file itself")

    stand_in = ModuleType("transformers")
    vars(stand_in).update(AutoConfig=FromFile, AutoTokenizer=FromFile)
    sys.modules["transformers"] = stand_in


def _look_before_importing() -> None:
    """Of sentencepiece, which no base of ours needs: they import it before they look for a file."""
    from conversion.base import TextModel  # type: ignore[import-not-found]  # of SOURCE

    whole = TextModel._create_vocab_sentencepiece  # noqa: SLF001  # theirs, at a pinned release

    def looked_for(self: Any) -> Any:  # noqa: ANN401  # theirs
        if not (self.dir_model / "tokenizer.model").is_file():
            raise FileNotFoundError(self.dir_model / "tokenizer.model")
        return whole(self)

    TextModel._create_vocab_sentencepiece = looked_for  # noqa: SLF001  # as above


def _know_every_tokenizer() -> None:
    from conversion.base import TextModel

    named = TextModel.get_vocab_base_pre

    def named_or_plain(self: Any, tokenizer: Any) -> str:  # noqa: ANN401  # theirs
        try:
            return str(named(self, tokenizer))
        except NotImplementedError:
            return "gpt-2"

    TextModel.get_vocab_base_pre = named_or_plain


if __name__ == "__main__":
    main()
