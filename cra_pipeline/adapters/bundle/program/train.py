"""Full fine-tune of the base on the bundle's rows: plain transformers, one process per device.

``accelerate launch --config_file accelerate.yaml train.py --base BASE --out OUT``; one process
without accelerate does the same more slowly. Writes ``OUT/model/`` and, last, ``OUT/result.json``.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import shutil
import sys
from pathlib import Path
from typing import Any

from .rows import (
    EVALUATION,
    MASKED,
    BundleError,
    bundle_digest,
    hash_faults,
    read_json,
    read_rows,
    sha256,
    tokens_of,
    training_rows,
)

ZERO = "ACCELERATE_DEEPSPEED_ZERO_STAGE"
"""Set by accelerate's launcher."""
_ZERO_3 = 3
_MODEL_ALONE = (".safetensors", ".safetensors.index.json")
"""What training writes of a model; all else of it is copied from the base."""


def main(arguments: list[str] | None = None) -> int:
    """Train; returns the exit status."""
    told = _parser().parse_args(arguments)
    try:
        require_zero(os.environ.get(ZERO, ""))
        result = run(told.root, told.base, told.out, most_steps=told.most_steps)
    except BundleError as error:
        sys.stderr.write(f"refused: {error}\n")
        return 1
    if result is not None:
        sys.stdout.write(
            f"{result['rows']} rows, {result['steps']} of {result['planned_steps']} steps, loss "
            f"{result['losses'][-1]:.3f}, validation loss {result['validation_loss']:.3f}\n"
        )
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="train.py", description=__doc__)
    here = Path(__file__).resolve().parent.parent
    parser.add_argument("--root", type=Path, default=here, help="Folder of the bundle.")
    parser.add_argument("--base", type=Path, required=True, help="Folder of the untuned base.")
    parser.add_argument("--out", type=Path, required=True, help="Made; must not hold a result.")
    parser.add_argument("--most-steps", type=int, default=0, help="For a trial; 0 for all.")
    return parser


def require_zero(stage: str) -> None:
    """Refuse a sharding that the recipe was not made for.

    Raises:
        BundleError: The launcher was told ZeRO-3.
    """
    if int(stage or "0") >= _ZERO_3:
        raise BundleError(
            f"ZeRO-{stage}: a sharded save would lack weights, and adapters that are trained later "
            "break under it: use accelerate.yaml of the bundle, which says zero_stage: 2"
        )


def require_same(root: Path, base: Path) -> tuple[dict[str, Any], dict[str, Any]]:
    """Manifest and recipe of a bundle that is whole, and whose base lies in a folder.

    Raises:
        BundleError: A file of either differs from the manifest.
    """
    manifest, recipe = read_json(root / "manifest.json"), read_json(root / "recipe.json")
    faults = hash_faults(root, manifest["files"])
    faults += [f"base: {fault}" for fault in hash_faults(base, manifest["base_files"])]
    if faults:
        raise BundleError("; ".join(faults[:5]))
    return manifest, recipe


def run(root: Path, base: Path, out: Path, *, most_steps: int) -> dict[str, Any] | None:
    """Train and write what goes back; None in all processes but the first.

    Raises:
        BundleError: As ``require_same``; also where a loss is no number, or a result lies there.
    """
    manifest, recipe = require_same(root, base)
    if (out / "result.json").exists():
        raise BundleError(f"{out / 'result.json'}: there is a result: name another folder")
    tokenizer, model = loaded(base, recipe)
    end = recipe["end_of_turn"]
    rows = [tokens_of(row, tokenizer, end) for row in training_rows(root, manifest)]
    held = [tokens_of(row, tokenizer, end) for row in read_rows(root, EVALUATION)]
    planned = max(1, math.ceil(len(rows) * recipe["epochs"] / recipe["batch"]))
    steps = min(planned, most_steps or planned)
    trainer = _trainer(model, tokenizer, rows, held, recipe, out / "work", steps)
    trainer.add_callback(stopper())
    trainer.train()
    losses = [item["loss"] for item in trainer.state.log_history if "loss" in item]
    validation = trainer.evaluate()["eval_loss"] if held else losses[-1]
    trainer.save_model(str(out / "model"))
    if not trainer.is_world_process_zero():
        return None
    if not math.isfinite(validation):
        raise BundleError(f"the validation loss is no number: {validation}")
    _dress(base, out / "model", recipe)
    shutil.rmtree(out / "work", ignore_errors=True)
    result = {
        "bundle": bundle_digest(root),
        "recipe": sha256(root / "recipe.json"),
        "round": recipe["round"],
        "base_digest": recipe["base_digest"],
        "files": file_hashes(out / "model"),
        "rows": len(rows),
        "steps": steps,
        "planned_steps": planned,
        "window": recipe["window"],
        "losses": losses,
        "validation_loss": validation,
    }
    # Last: a folder without it is no result.
    (out / "result.json").write_text(json.dumps(result, indent=1, sort_keys=True) + "\n", "utf-8")
    return result


def loaded(base: Path, recipe: dict[str, Any]) -> tuple[Any, Any]:
    """Tokenizer and model, in the precision of this machine."""
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    torch.manual_seed(recipe["seed"])
    on_gpu = torch.cuda.is_available() and recipe["precision"] == "bfloat16"
    tokenizer = AutoTokenizer.from_pretrained(base, local_files_only=True)
    model = AutoModelForCausalLM.from_pretrained(
        base, local_files_only=True, dtype=torch.bfloat16 if on_gpu else torch.float32
    )
    return tokenizer, model


def _trainer(  # noqa: PLR0913, PLR0917  # what a training hangs on
    model: Any,  # noqa: ANN401  # a library's object
    tokenizer: Any,  # noqa: ANN401  # a library's object
    rows: list[dict[str, list[int]]],
    held: list[dict[str, list[int]]],
    recipe: dict[str, Any],
    work: Path,
    steps: int,
) -> Any:  # noqa: ANN401  # a library's object
    import torch
    from transformers import Trainer, TrainingArguments

    on_gpu = torch.cuda.is_available()
    world = int(os.environ.get("WORLD_SIZE", "1"))
    # A row is up to a whole window long, so that each device holds one at a time.
    settings = TrainingArguments(
        output_dir=str(work),
        max_steps=steps,
        per_device_train_batch_size=1,
        per_device_eval_batch_size=1,
        gradient_accumulation_steps=max(1, recipe["batch"] // world),
        learning_rate=recipe["learning_rate"],
        lr_scheduler_type=recipe["schedule"],
        warmup_steps=int(recipe["warmup"] * steps),
        weight_decay=recipe["weight_decay"],
        seed=recipe["seed"],
        bf16=on_gpu and recipe["precision"] == "bfloat16",
        gradient_checkpointing=on_gpu,
        use_cpu=not on_gpu,
        dataloader_pin_memory=on_gpu,
        logging_steps=1,
        save_strategy="no",
        report_to=[],
        # Else a loss that is no number is told as the mean of those before it.
        logging_nan_inf_filter=False,
        disable_tqdm=True,
    )
    pad = tokenizer.pad_token_id or 0

    def collated(batch: list[dict[str, list[int]]]) -> dict[str, Any]:
        longest = max(len(row["input_ids"]) for row in batch)
        filled = {
            name: [row[name] + [value] * (longest - len(row[name])) for row in batch]
            for name, value in (("input_ids", pad), ("labels", MASKED))
        }
        mask = [[1] * len(row["input_ids"]) + [0] * (longest - len(row["input_ids"]))
                for row in batch]  # fmt: skip
        return {
            name: torch.tensor(ids) for name, ids in (*filled.items(), ("attention_mask", mask))
        }

    return Trainer(
        model=model, args=settings, train_dataset=rows, eval_dataset=held, data_collator=collated
    )


def stopper() -> Any:  # noqa: ANN401  # a library's object
    """Ends a training at the step whose loss is no number: the hours after it would be wasted."""
    from transformers import TrainerCallback

    class Stopper(TrainerCallback):
        def on_log(self, args: Any, state: Any, control: Any, logs: Any = None, **_: Any) -> None:  # noqa: ANN401  # as the library calls it
            del args, control
            loss = (logs or {}).get("loss", 0.0)
            if not math.isfinite(loss):
                raise BundleError(
                    f"step {state.global_step}: the loss is {loss}: nothing is saved; look at the "
                    "rows of this step, or lower learning_rate and ask for a new bundle"
                )

    return Stopper()


def _dress(base: Path, model: Path, recipe: dict[str, Any]) -> None:
    """Leave nothing of training but weights, and put the base's own files beside them."""
    for path in sorted(model.iterdir()):
        if not path.name.endswith(_MODEL_ALONE):
            path.unlink()
    for path in sorted(base.iterdir()):
        if path.is_file() and not path.name.endswith(_MODEL_ALONE):
            shutil.copyfile(path, model / path.name)
    config = read_json(base / "config.json") | {"max_position_embeddings": recipe["window"]}
    (model / "config.json").write_text(json.dumps(config, indent=2) + "\n", encoding="utf-8")


def file_hashes(folder: Path) -> list[dict[str, str]]:
    """SHA-256 of every file, sorted by name."""
    paths = sorted((str(path.relative_to(folder)), path) for path in folder.rglob("*"))
    return [{"content_id": sha256(path), "name": name} for name, path in paths if path.is_file()]
