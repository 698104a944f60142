"""The bundle as it lies in a folder: hashes, rows, and rows as tokens. Standard library alone.

These modules are shipped: they read the bundle, and import nothing of the project that made it.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

MASKED = -100
"""Label of a token that no loss is taken of."""
EVALUATION = "evaluation"
_OUTSIDE = ("manifest.json",)


class BundleError(Exception):
    """The bundle, the base or the machine are not what they have to be."""


def sha256(path: Path) -> str:
    """Of a file's bytes."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def read_json(path: Path) -> dict[str, Any]:
    """One JSON object.

    Raises:
        BundleError: The file is missing or no JSON.
    """
    try:
        return dict(json.loads(path.read_bytes()))
    except (OSError, ValueError) as error:
        raise BundleError(f"{path}: {error}: unpack the bundle again") from error


def bundle_digest(root: Path) -> str:
    """Names the bundle: of its manifest's bytes."""
    return sha256(root / "manifest.json")


def hash_faults(folder: Path, expected: list[dict[str, str]], *, ignored: str = "") -> list[str]:
    """What of a folder is not what a manifest says: changed, missing and added files."""
    known = {item["name"]: item["content_id"] for item in expected}
    there = {
        str(path.relative_to(folder))
        for path in folder.rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    there = {name for name in there if name not in _OUTSIDE or name in known}
    if ignored:
        there = {name for name in there if not name.startswith(ignored)}
    found = [f"{name}: missing" for name in sorted(known.keys() - there)]
    found += [f"{name}: not of the manifest" for name in sorted(there - known.keys())]
    return found + [
        f"{name}: other bytes than the manifest's"
        for name in sorted(known.keys() & there)
        if sha256(folder / name) != known[name]
    ]


def count_faults(root: Path, manifest: dict[str, Any]) -> list[str]:
    """Files of ``data/`` that hold another number of rows than the manifest says."""
    found = []
    for item in manifest["counts"]:
        count = sum(1 for _ in read_rows(root, item["label"]))
        if count != item["count"]:
            found.append(f"data/{item['label']}.jsonl: {count} rows, expected {item['count']}")
    return found


def read_rows(root: Path, name: str) -> Iterator[dict[str, Any]]:
    """Rows of ``data/<name>.jsonl``, in order.

    Raises:
        BundleError: A line is no JSON.
    """
    path = root / "data" / f"{name}.jsonl"
    with path.open(encoding="utf-8") as file:
        for number, line in enumerate(file, 1):
            try:
                yield json.loads(line)
            except ValueError as error:
                raise BundleError(f"{path}:{number}: {error}: unpack the bundle again") from error


def training_rows(root: Path, manifest: dict[str, Any]) -> list[dict[str, Any]]:
    """All rows but those of the evaluation, in the order of the manifest's files."""
    names = [item["label"] for item in manifest["counts"] if item["label"] != EVALUATION]
    return [row for name in names for row in read_rows(root, name)]


def tokens_of(row: dict[str, Any], tokenizer: Any, end_of_turn: str) -> dict[str, list[int]]:  # noqa: ANN401  # a library's object
    """A row as the model reads it; the loss is taken of reasoning, answer and end of turn.

    Raises:
        BundleError: It is longer than its window, or would not end its turn exactly once.
    """
    messages = [
        {"role": "system", "content": row["system"]},
        {"role": "user", "content": row["prompt"]},
    ]
    opened = tokenizer.apply_chat_template(
        messages,
        tokenize=False,
        add_generation_prompt=True,
        # Without it a template for reasoning leaves the thought to the model.
        enable_thinking=bool(row["thinking"]),
    )
    thought = f"<think>\n{row['thinking']}\n</think>\n\n" if row["thinking"] else ""
    prompt = tokenizer(opened, add_special_tokens=False)["input_ids"]
    said = tokenizer(thought + row["answer"] + end_of_turn, add_special_tokens=False)["input_ids"]
    end = tokenizer(end_of_turn, add_special_tokens=False)["input_ids"]
    if len(end) != 1 or said[-1:] != end or said.count(end[0]) != 1:
        raise BundleError(f"row {row['row_id']}: its end of turn does not stand once, at the end")
    if len(prompt) + len(said) > row["window"]:
        raise BundleError(
            f"row {row['row_id']}: {len(prompt) + len(said)} tokens, its window holds "
            f"{row['window']}: nothing is ever cut; ask for a bundle with this base's tokenizer"
        )
    return {"input_ids": prompt + said, "labels": [MASKED] * len(prompt) + said}
