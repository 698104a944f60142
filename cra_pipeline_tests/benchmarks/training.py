"""What a training step costs: tokens per second and peak memory, by trainer and window.

Run by hand, on the machine that is to be known:

    python -m cra_pipeline_tests.benchmarks.training MODEL_FOLDER [--trainer peft unsloth]
        [--tokens 170 2048] [--rows 8] [--steps 4] [--micro 1]

Rows are texts of the wanted length that answer yes or no; losses mean nothing. Each line is one
process, so that memory of the one before does not count. MODEL_FOLDER may hold random weights.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path

from cra_pipeline.adapters.recipe import HOUSE, PhasePolicy, RecipePolicy, policy_of, resolve
from cra_pipeline.contracts.adapters import TrainingJob, TrainingPace
from cra_pipeline.contracts.bases import BaseRecord
from cra_pipeline.contracts.datasets import Message, SftExample
from cra_pipeline.contracts.manifests import Input
from cra_pipeline.integrations.chat.hugging_face import HuggingFaceChat
from cra_pipeline.integrations.files import read_record
from cra_pipeline.integrations.training.table import device, trainer_named
from cra_pipeline.kinds import ADAPTER_KINDS
from cra_pipeline_tests.adapters.worlds import sft_row


def base_of(model: Path) -> BaseRecord:
    """A folder as a base, without copying or hashing it."""
    config = json.loads((model / "config.json").read_bytes())
    size = sum(path.stat().st_size for path in model.glob("*.safetensors"))
    return BaseRecord(
        base_id="reasoning-32k-base-v1", role="reasoning", name=model.name,
        architecture=config["architectures"][0], parameters=size // 2,
        window=config["max_position_embeddings"], chat="", content_id="0" * 64,
        end_of_turn=HuggingFaceChat(model).end_of_turn, files=(),
    )  # fmt: skip


def row(chat: HuggingFaceChat, number: int, tokens: int) -> SftExample:
    """A row of nearly so many tokens."""
    word, plain = f" file_{number}.py", sft_row(number)
    system, user = plain.prompt
    room = tokens - chat.count(system.content, user.content, "yes") - 8
    each = max(1, chat.count("", word * 33, "") - chat.count("", word * 32, ""))
    text = user.content + word * max(0, room // each)
    prompt = (system, Message(role="user", content=text))
    return plain.model_copy(update={"prompt": prompt})


def numbers(base: BaseRecord, steps: int, micro: int) -> RecipePolicy:
    """The base's recipe, cut to a few steps without validation."""
    policy = policy_of(base)
    phase: PhasePolicy = replace(
        policy.sft, most_steps=steps, batch=micro, micro_batch=micro, validation_share=0.0,
        eval_steps=10**6, epochs=float(10**3),
    )  # fmt: skip
    return replace(policy, sft=phase, rank=HOUSE.rank)


def one(model: Path, trainer: str, tokens: int, steps: int, micro: int) -> None:
    """Train, and print one line of JSON; the first step is not counted."""
    base, chat = base_of(model), HuggingFaceChat(model)
    rows = tuple(row(chat, number, tokens) for number in range(max(8, micro)))
    recipe = resolve(
        ADAPTER_KINDS["scope"], "r01", base, [Input(name="benchmark", content_id="0")],
        device=device(), policy=numbers(base, steps, micro),
    ).recipe  # fmt: skip
    seen: list[tuple[float, float, int]] = []
    with tempfile.TemporaryDirectory() as folder:
        job = TrainingJob(recipe=recipe, base=model, sft=rows, folder=Path(folder))
        trainer_named(trainer).train(
            job,
            lambda event, _: seen.append((time.monotonic(), time.process_time(), event.tokens)),
        )
        pace = read_record(Path(folder) / "pace.json", TrainingPace)
    (begun, used, before), (ended, spent, after) = seen[0], seen[-1]
    steps = len(seen) - 1
    print(json.dumps({
        "trainer": trainer, "tokens_a_row": tokens, "micro_batch": micro, "device": pace.device,
        "tokens_per_second": round((after - before) / (ended - begun), 1),
        "seconds_a_step": round((ended - begun) / steps, 3),
        "cpu_seconds_a_step": round((spent - used) / steps, 3),
        "peak_gib": round(pace.peak_memory_bytes / 2**30, 2),
        "quantisation": recipe.quantisation, "precision": recipe.precision,
    }), flush=True)  # fmt: skip


def main() -> None:
    """One process for each combination; what fails is told and the next one begun."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("model", type=Path)
    parser.add_argument("--trainer", nargs="+", default=["peft"])
    parser.add_argument("--tokens", nargs="+", type=int, default=[170, 1024])
    parser.add_argument("--steps", type=int, default=4)
    parser.add_argument("--micro", type=int, default=1)
    parser.add_argument("--alone", action="store_true", help="within this process")
    asked = parser.parse_args()
    for trainer in asked.trainer:
        for tokens in asked.tokens:
            if asked.alone:
                one(asked.model, trainer, tokens, asked.steps, asked.micro)
                continue
            sizes = [f"--tokens={tokens}", f"--steps={asked.steps}", f"--micro={asked.micro}"]
            module = "cra_pipeline_tests.benchmarks.training"
            command = [sys.executable, "-m", module, str(asked.model), f"--trainer={trainer}"]
            subprocess.run([*command, *sizes, "--alone"], check=False)


if __name__ == "__main__":
    main()
