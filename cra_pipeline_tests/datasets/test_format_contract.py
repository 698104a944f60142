"""Rows that would train anything else than the logged conversation are found."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest

from cra_pipeline.contracts.calls import CallRecord
from cra_pipeline.contracts.datasets import CandidateRow, Origin
from cra_pipeline.datasets.format_contract import MOST, findings, trained_ids
from cra_pipeline.integrations.chat.hugging_face import HuggingFaceChat
from cra_pipeline.integrations.chat.tiny import END, PAD, TEMPLATE, train_tiny
from cra_pipeline_tests.contracts.regenerate import example

SYSTEM, PROMPT = "Decide.", "Task: mend it.\n\nFile: a.py"


def made(record: type[CandidateRow | CallRecord | Origin], **fields: object) -> object:
    return example(record).model_copy(update=fields)


def row(*answers: str, author: str = "", number: int = 3) -> CandidateRow:
    form = "sft" if len(answers) == 1 else "dpo"
    attempts = ("first", "second")[: len(answers)]
    origin = made(Origin, author=author, call_number=number, attempt_ids=attempts)
    found = made(
        CandidateRow, form=form, system=SYSTEM, prompt=PROMPT, answers=answers, origin=origin
    )
    assert isinstance(found, CandidateRow)
    return found


def call(response: str, *, number: int = 3, prompt: str = PROMPT) -> CallRecord:
    found = made(CallRecord, number=number, system=SYSTEM, prompt=prompt, response=response)
    assert isinstance(found, CallRecord)
    return found


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    target = tmp_path_factory.mktemp("tokenizer")
    train_tiny([SYSTEM, PROMPT, "yes\nno\n\n"] * 3, target)
    return target


@pytest.fixture
def chat(folder: Path) -> HuggingFaceChat:
    return HuggingFaceChat(folder)


def judged(
    one: CandidateRow, chat: HuggingFaceChat, log: Mapping[str, CallRecord] | None = None
) -> tuple[str, ...]:
    def calls(_: CandidateRow, attempt: str) -> Mapping[int, CallRecord]:
        found = (log or {}).get(attempt)
        return {} if found is None else {found.number: found}

    return findings([one], chat=chat, window=4096, calls=None if log is None else calls)


@pytest.mark.parametrize("answers", [("yes",), ("yes", "no"), ("",), ("two\nlines\n",)])
def test_a_row_that_is_its_log_is_fit(answers: tuple[str, ...], chat: HuggingFaceChat) -> None:
    log = {"first": call(answers[0]), "second": call(answers[-1], number=9)}

    assert judged(row(*answers, author="model"), chat, log) == ()


def test_what_is_trained_is_the_answer_and_one_end_of_turn(chat: HuggingFaceChat) -> None:
    made = chat.render(SYSTEM, PROMPT, "yes")
    trained = trained_ids(made, chat)

    assert chat.decode(trained) == f"yes{END}"
    assert trained.count(chat.end_ids[0]) == 1


@pytest.mark.parametrize(
    ("one", "log", "words"),
    [
        (row("yes"), {"first": call("yes", prompt=PROMPT + " ")}, "prompt, first difference at"),
        (row("yes"), {"first": call("yes", number=4)}, "did not log its call"),
        (row("yes"), {}, "did not log its call"),
        (row("yes", author="model"), {"first": call("Yes")}, "its answer is not what"),
        (row("yes", "no"), {"first": call("yes"), "second": call("maybe")}, "rejected attempt"),
        (row("yes", "no"), {"first": call("yes")}, "rejected attempt second did not log"),
    ],
)
def test_one_other_character_than_the_log_is_found(
    one: CandidateRow, log: Mapping[str, CallRecord], words: str, chat: HuggingFaceChat
) -> None:
    (found,) = judged(one, chat, log)

    assert words in found


@pytest.mark.parametrize(
    ("one", "log"),
    [(row("yes"), {"first": call("no")}), (row("yes", number=-1), {})],
    ids=["relabelled", "published"],
)
def test_only_what_a_model_wrote_is_held_against_its_answer(
    one: CandidateRow, log: Mapping[str, CallRecord], chat: HuggingFaceChat
) -> None:
    assert judged(one, chat, log) == ()


OPENED = "{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}"


@pytest.mark.parametrize(
    ("template", "words"),
    [
        (TEMPLATE.replace(END, ""), "no end of turn"),
        (TEMPLATE.replace("<|im_end|>\n'", "<|im_end|><|im_end|>'"), "more than one end of turn"),
        (TEMPLATE.replace("<|im_end|>\n'", "<|im_end|>stop'"), "behind the end of turn"),
        (TEMPLATE.replace("+ message['content']", "+ message['content'][:2]"), "would train 'ye'"),
        (
            TEMPLATE.replace(
                "+ message['content']",
                "+ ('<think></think>' if message['role'] == 'assistant' else '')"
                " + message['content']",
            ),
            "would train '<think></think>yes'",
        ),
        ("{{ messages | length }}" + TEMPLATE, "otherwise once it is answered"),
    ],
    ids=["no end", "two ends", "text behind", "cut", "empty thought", "prompt changes"],
)
def test_a_template_that_trains_anything_else_is_found(
    template: str, words: str, folder: Path, tmp_path: Path
) -> None:
    for path in folder.iterdir():
        (tmp_path / path.name).write_bytes(path.read_bytes())
    (tmp_path / "chat_template.jinja").write_text(template)

    (found,) = judged(row("yes"), HuggingFaceChat(tmp_path))
    assert words in found


@pytest.mark.parametrize("answer", [END, f"yes{END}", f"a{END}b"])
def test_an_answer_that_holds_an_end_of_turn_is_found(answer: str, chat: HuggingFaceChat) -> None:
    (found,) = judged(row(answer), chat)

    assert "more than one end of turn" in found


def test_a_token_across_prompt_and_answer_is_found(chat: HuggingFaceChat) -> None:
    # The turn is opened by a line's end; another one behind it makes one token of both.
    (found,) = judged(row("\n"), chat)

    assert "a token lies across prompt and answer" in found


def test_pad_and_end_of_turn_must_be_single_and_differ(folder: Path) -> None:
    same = HuggingFaceChat(folder, pad_token=END)
    split = HuggingFaceChat(folder, end_of_turn="</turn>")
    none = HuggingFaceChat(folder, pad_token="<nothing>")  # noqa: S106  # a token of text

    assert "pad token and end of turn are both" in judged(row("yes"), same)[0]
    assert "expected one" in judged(row("yes"), split)[0]
    assert "no pad token" in judged(row("yes"), none)[0]
    assert judged(row("yes"), HuggingFaceChat(folder, pad_token=PAD)) == ()


def test_a_row_too_long_is_found_and_never_cut(chat: HuggingFaceChat) -> None:
    length = chat.count(SYSTEM, PROMPT, "yes")
    rows = [row("yes")]

    assert findings(rows, chat=chat, window=length, calls=None) == ()
    (found,) = findings(rows, chat=chat, window=length - 1, calls=None)
    assert f"{length} tokens, at most {length - 1} fit" in found


def test_a_server_that_tokenizes_otherwise_is_found(chat: HuggingFaceChat) -> None:
    rows = [row("yes")]

    def server(system: str, prompt: str) -> tuple[int, ...]:
        return (0, *chat.prompt_ids(system, prompt))

    (found,) = findings(rows, chat=chat, window=4096, calls=None, server=server)
    assert "they part at token 0" in found


def test_many_findings_are_counted(chat: HuggingFaceChat) -> None:
    found = findings([row(END)] * (MOST + 5), chat=chat, window=4096, calls=None)

    assert (len(found), found[-1]) == (MOST + 1, "and 5 more findings")
