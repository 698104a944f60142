"""Folders of models are read strictly, and nothing of a conversation is lost or cut."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cra_pipeline.contracts.workspace import Layout
from cra_pipeline.errors import ModelError, StoreError
from cra_pipeline.integrations.chat.hugging_face import HuggingFaceChat, tokenizer_folder
from cra_pipeline.integrations.chat.tiny import END, train_tiny
from cra_pipeline_tests.integrations.chat.conversations import LEARNED, SYSTEM

CONFIG, TEMPLATE, TOKENIZER = "tokenizer_config.json", "chat_template.jinja", "tokenizer.json"


def edit(path: Path, **fields: object) -> None:
    path.write_text(json.dumps(json.loads(path.read_text()) | fields))


def test_any_text_comes_back_from_its_tokens(tiny: Path) -> None:
    chat = HuggingFaceChat(tiny)

    @given(st.text(max_size=40), st.text(max_size=40))
    @settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
    def holds(prompt: str, answer: str) -> None:
        made = chat.render(SYSTEM, prompt, answer)

        assert chat.decode(made.prompt_ids) == made.prompt_text
        assert chat.decode(made.answer_ids) == f"{answer}{END}\n"
        assert chat.decode(made.whole_ids) == made.prompt_text + f"{answer}{END}\n"

    holds()


def test_equal_texts_give_equal_tokenizers(tiny: Path, tmp_path: Path) -> None:
    train_tiny(LEARNED, tmp_path / "again")

    assert (tmp_path / "again" / TOKENIZER).read_bytes() == (tiny / TOKENIZER).read_bytes()


def test_the_length_ends_with_the_end_of_turn(tiny: Path) -> None:
    chat = HuggingFaceChat(tiny)
    made = chat.render(SYSTEM, "prompt", "yes")

    assert chat.count(SYSTEM, "prompt", "yes") == made.whole_ids.index(chat.end_ids[0], -3) + 1


def test_a_tokenizer_that_asks_for_cutting_or_padding_is_not_heeded(tiny: Path) -> None:
    whole = HuggingFaceChat(tiny).render(SYSTEM, "prompt " * 50, "yes").whole_ids
    edit(
        tiny / TOKENIZER,
        truncation={"direction": "Right", "max_length": 8, "strategy": "LongestFirst", "stride": 0},
        padding={
            "strategy": {"Fixed": 4096}, "direction": "Right", "pad_to_multiple_of": None,
            "pad_id": 0, "pad_type_id": 0, "pad_token": "<|pad|>",
        },
    )  # fmt: skip

    assert HuggingFaceChat(tiny).render(SYSTEM, "prompt " * 50, "yes").whole_ids == whole


def test_the_name_follows_the_content(tiny: Path) -> None:
    before = HuggingFaceChat(tiny).name
    same = HuggingFaceChat(tiny).name
    other = HuggingFaceChat(tiny, variables={"enable_thinking": True}).name
    (tiny / TEMPLATE).write_text((tiny / TEMPLATE).read_text() + "\n")

    assert before == same
    assert len({before, other, HuggingFaceChat(tiny).name}) == 3


def test_a_template_within_the_configuration_and_tokens_with_flags_are_read(tiny: Path) -> None:
    beside = HuggingFaceChat(tiny).render(SYSTEM, "prompt", "yes")
    source = (tiny / TEMPLATE).read_text()
    (tiny / TEMPLATE).unlink()
    edit(
        tiny / CONFIG,
        chat_template=[{"name": "default", "template": source}],
        eos_token={"content": END, "special": True},
    )

    assert HuggingFaceChat(tiny).render(SYSTEM, "prompt", "yes") == beside


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        (TOKENIZER, None, "cannot be read"),
        (TOKENIZER, '{"version": "1.0"', "no tokenizer"),
        (CONFIG, None, "cannot be read"),
        (CONFIG, "{", "no JSON"),
        (CONFIG, "[]", "expected an object"),
        (CONFIG, '{"pad_token": "<|pad|>"}', "no eos_token"),
        (CONFIG, '{"eos_token": 3}', "eos_token: found 3"),
        (TEMPLATE, None, "no chat template"),
    ],
)
def test_a_damaged_folder_is_named(tiny: Path, name: str, content: str | None, words: str) -> None:
    (tiny / name).unlink()
    if content is not None:
        (tiny / name).write_text(content)

    with pytest.raises(StoreError, match=words):
        HuggingFaceChat(tiny)


@pytest.mark.parametrize(
    ("template", "words"),
    [
        ("{% if %}", "no chat template"),
        ("{{ raise_exception('no system role') }}", "no system role"),
        ("{{ strftime_now('%d %b') }}", "today's date"),
        ("{{ messages.append(1) }}", "refuses"),
        ("{{ ''.__class__.__mro__[1].__subclasses__() }}", "refuses"),
    ],
)
def test_a_template_that_fails_or_misbehaves_is_refused(
    tiny: Path, template: str, words: str
) -> None:
    (tiny / TEMPLATE).write_text(template)

    with pytest.raises(ModelError, match=words):
        HuggingFaceChat(tiny).render(SYSTEM, "prompt", "yes")


def test_the_generation_tag_and_json_write_what_stands_in_them(tiny: Path) -> None:
    (tiny / TEMPLATE).write_text(
        "{% generation %}{{ {'a': '<é>'} | tojson }}{% endgeneration %}{{ eos_token }}"
    )

    assert HuggingFaceChat(tiny).render(SYSTEM, "p", "a").prompt_text == '{"a": "<é>"}' + END


def test_a_base_has_its_folder_in_the_workspace(tmp_path: Path) -> None:
    layout = Layout(tmp_path)

    assert tokenizer_folder(layout, "Qwen/Qwen3-4B") == tmp_path / "tokenizers" / "Qwen--Qwen3-4B"
