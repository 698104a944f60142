"""What the bundle's own program refuses before anything is paid for."""

from __future__ import annotations

import hashlib
import json
from importlib.metadata import PackageNotFoundError
from pathlib import Path
from typing import Any

import pytest

from cra_pipeline.adapters.bundle.program.check import tokenizer_faults, version_faults
from cra_pipeline.adapters.bundle.program.rows import (
    MASKED,
    BundleError,
    count_faults,
    hash_faults,
    read_rows,
    tokens_of,
)

END = "<|end|>"
ROW = {"row_id": "r1", "system": "s", "prompt": "p", "thinking": "", "answer": "a b", "window": 16}


class Words:
    """A tokenizer of words, as the libraries' are called."""

    def __init__(self, end: str = END) -> None:
        self.eos_token = end
        self.known: dict[str, int] = {}

    def __call__(self, text: str, *, add_special_tokens: bool) -> dict[str, list[int]]:
        assert not add_special_tokens
        words = text.replace(END, f" {END} ").split()
        return {"input_ids": [self.known.setdefault(word, len(self.known)) for word in words]}

    def apply_chat_template(self, messages: list[dict[str, str]], **_: object) -> str:
        return " ".join(item["content"] for item in messages)


def tokens(**fields: object) -> dict[str, list[int]]:
    return tokens_of(ROW | fields, Words(), END)


def test_the_loss_is_taken_of_the_answer_and_one_end_of_turn() -> None:
    found = tokens(thinking="why")

    assert found["labels"][:2] == [MASKED, MASKED]
    assert found["labels"][2:] == found["input_ids"][2:]
    assert len(found["labels"][2:]) == len(["<think>", "why", "</think>", "a", "b", END])


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"answer": f"a {END} b"}, "its end of turn does not stand once, at the end"),
        ({"window": 4}, "5 tokens, its window holds 4: nothing is ever cut"),
    ],
)
def test_a_row_that_cannot_be_trained_whole_is_refused_by_its_name(
    fields: dict[str, object], words: str
) -> None:
    with pytest.raises(BundleError, match=f"row r1: {words}"):
        tokens(**fields)


def test_an_end_of_turn_that_is_not_the_tokenizers_own_token_is_a_fault() -> None:
    other = Words("<|other|>")

    assert tokenizer_faults(Words(), {"end_of_turn": END}) == []
    assert "the tokenizer's '<|other|>'" in tokenizer_faults(other, {"end_of_turn": END})[0]
    assert tokenizer_faults(Words(), {"end_of_turn": "two words"})


def test_versions_are_those_of_the_pins(tmp_path: Path) -> None:
    path = tmp_path / "requirements.txt"
    path.write_text("torch==2.13.0\ntrl==1.14.2\npeft==0.21.2\n")

    def known(name: str) -> str:
        if name == "peft":
            raise PackageNotFoundError(name)
        return {"torch": "2.13.0+cpu", "trl": "1.0"}[name]

    assert version_faults(path, known) == [
        "trl: 1.0 is installed, expected 1.14.2",
        "peft: nothing is installed, expected 0.21.2",
    ]


def bundle(root: Path) -> dict[str, Any]:
    """A folder with one data file, and the manifest of both."""
    (root / "data").mkdir()
    (root / "data" / "role.jsonl").write_text('{"row_id": "a"}\n{"row_id": "b"}\n')
    digest = hashlib.sha256((root / "data" / "role.jsonl").read_bytes()).hexdigest()
    manifest = {
        "files": [{"name": "data/role.jsonl", "content_id": digest}],
        "counts": [{"label": "role", "count": 2}],
    }
    (root / "manifest.json").write_text(json.dumps(manifest))
    return manifest


def test_changed_missing_and_added_files_and_other_counts_are_found(tmp_path: Path) -> None:
    manifest = bundle(tmp_path)
    path = tmp_path / "data" / "role.jsonl"

    assert hash_faults(tmp_path, manifest["files"]) == count_faults(tmp_path, manifest) == []
    path.write_text('{"row_id": "a"}\n')
    (tmp_path / "more.txt").write_text("x")
    assert hash_faults(tmp_path, manifest["files"]) == [
        "more.txt: not of the manifest", "data/role.jsonl: other bytes than the manifest's",
    ]  # fmt: skip
    assert count_faults(tmp_path, manifest) == ["data/role.jsonl: 1 rows, expected 2"]
    path.unlink()
    assert "data/role.jsonl: missing" in hash_faults(tmp_path, manifest["files"])


def test_a_line_that_is_no_json_is_told_with_its_number(tmp_path: Path) -> None:
    bundle(tmp_path)
    (tmp_path / "data" / "role.jsonl").write_text("{}\n{half\n")

    with pytest.raises(BundleError, match=r"role\.jsonl:2: .*unpack the bundle again"):
        list(read_rows(tmp_path, "role"))
