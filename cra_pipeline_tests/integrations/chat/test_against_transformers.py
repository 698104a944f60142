"""Texts and tokens are those of transformers, which model servers use.

It is not installed beside the pipeline: ``CRA_PIPELINE_TRANSFORMERS_PYTHON`` names an interpreter
that has it, and ``CRA_PIPELINE_TEST_MODEL`` a model's folder.
"""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Sequence
from pathlib import Path

import pytest

from cra_pipeline.contracts.datasets import CandidateRow
from cra_pipeline.datasets.format_contract import findings
from cra_pipeline.integrations.chat.hugging_face import HuggingFaceChat
from cra_pipeline.integrations.chat.tiny import train_tiny
from cra_pipeline_tests.integrations.chat.conversations import ANSWERS, LEARNED, PROMPTS, SYSTEM

PYTHON = os.environ.get("CRA_PIPELINE_TRANSFORMERS_PYTHON", "")
MODEL = os.environ.get("CRA_PIPELINE_TEST_MODEL", "")

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        not PYTHON,
        reason="CRA_PIPELINE_TRANSFORMERS_PYTHON names no interpreter with transformers",
    ),
]

PROGRAM = """
import json, sys
from transformers import AutoTokenizer
tokenizer = AutoTokenizer.from_pretrained(sys.argv[1])
for line in sys.stdin:
    messages = json.loads(line)
    opened = messages[-1]["role"] != "assistant"
    asked = dict(add_generation_prompt=opened, enable_thinking=False)
    text = tokenizer.apply_chat_template(messages, tokenize=False, **asked)
    ids = tokenizer.apply_chat_template(messages, tokenize=True, return_dict=False, **asked)
    print(json.dumps([text, list(ids)]))
"""


def told(folder: Path, conversations: Sequence[Sequence[str]]) -> list[tuple[str, tuple[int, ...]]]:
    roles = ("system", "user", "assistant")
    lines = [
        json.dumps([{"role": role, "content": text} for role, text in zip(roles, texts)])  # noqa: B905  # the answer may be missing
        for texts in conversations
    ]
    done = subprocess.run(
        [PYTHON, "-c", PROGRAM, str(folder)],
        input="\n".join(lines),
        capture_output=True,
        text=True,
        check=True,
        env={"PATH": os.environ["PATH"], "HF_HUB_OFFLINE": "1", "OMP_NUM_THREADS": "1"},
    )
    return [(text, tuple(ids)) for text, ids in map(json.loads, done.stdout.splitlines())]


@pytest.fixture(params=["tiny", "model"])
def folder(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    if request.param == "model":
        if not MODEL:
            pytest.skip("CRA_PIPELINE_TEST_MODEL names no folder of a model")
        return Path(MODEL)
    train_tiny(LEARNED, tmp_path / "tiny")
    return tmp_path / "tiny"


def test_texts_and_tokens_are_those_of_transformers(folder: Path) -> None:
    chat = HuggingFaceChat(folder)
    cases = [(SYSTEM, prompt, answer) for prompt in PROMPTS for answer in ANSWERS]
    answered = told(folder, [*[case[:2] for case in cases], *cases])
    opened, whole = answered[: len(cases)], answered[len(cases) :]

    for case, (prompt_text, prompt_ids), (text, ids) in zip(cases, opened, whole, strict=True):
        made = chat.render(*case)
        assert (made.prompt_text, made.prompt_ids) == (prompt_text, prompt_ids)
        assert (made.prompt_text + (made.answer_text or ""), made.whole_ids) == (text, ids)


def test_rows_are_held_against_the_servers_own_tokens(folder: Path, row: CandidateRow) -> None:
    chat = HuggingFaceChat(folder, pad_token=_another(folder))
    served = {
        prompt: ids
        for prompt, (_, ids) in zip(
            PROMPTS, told(folder, [(SYSTEM, prompt) for prompt in PROMPTS]), strict=True
        )
    }
    rows = [row.model_copy(update={"system": SYSTEM, "prompt": prompt}) for prompt in PROMPTS]

    def judged(cut: int) -> tuple[str, ...]:
        def server(_: str, prompt: str) -> tuple[int, ...]:
            return served[prompt][: len(served[prompt]) - cut]

        return findings(rows, chat=chat, window=8192, calls=None, server=server)

    assert judged(cut=0) == ()
    assert len(judged(cut=1)) == len(rows)
    assert all("the server makes" in finding for finding in judged(cut=1))


def _another(folder: Path) -> str:
    return "<|pad|>" if folder.name == "tiny" else "<|endoftext|>"
