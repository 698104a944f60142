"""Each set's fixture becomes the example that is expected of it."""

from __future__ import annotations

from pathlib import Path

import pytest

from cra_pipeline.contracts.cold_start import ColdStartFile, PublishedRow
from cra_pipeline.contracts.datasets import DpoExample, SftExample, example_id
from cra_pipeline.datasets.cold_start.conversion import (
    CONVERTED,
    ConversionPolicy,
    converted,
    require_fit,
)
from cra_pipeline.datasets.cold_start.wanted import Dropped
from cra_pipeline.gold.edits import applied, read
from cra_pipeline.gold.prompts import asked_step, shown_code, task_text
from cra_pipeline.integrations.cold_start.rows import files_of, published_rows
from cra_pipeline.integrations.cold_start.table import SETS, load_set
from cra_pipeline_tests.integrations.cold_start.published import published_file

SYSTEM = "You edit code."
DOUBLE = "def double(number):\n    return 2 * number\n"
STUB = "PLACEHOLDER = None\n"
ASKED = "Write a function that doubles a number."
CART = (
    "def total(prices):\n    try:\n        return sum(prices)\n    except TypeError as error:\n"
    '        raise ValueError("prices must be numbers") from error\n'
)
MARKED = "def double(number):\n    # MIDDLE CODE TO COMPLETE\n"

HEAD = '## b.py [python] (primary)\n<code lang="python">\n'

EXPECTED = {
    "codefeedback": (ASKED, "solution.py", STUB, DOUBLE, ["other_language", "no_program"]),
    "commitpackft": (
        "Refuse prices that are no numbers",
        "shop/cart.py",
        CART.replace("TypeError as error", "Exception").replace(
            'raise ValueError("prices must be numbers") from error', "return 0"
        ),
        CART,
        ["created_file", "other_language"],
    ),
    "d3": (ASKED, "module.py", STUB, DOUBLE, ["diff_does_not_apply"]),
    "evol_instruct_code_80k": (ASKED, "solution.py", STUB, DOUBLE, ["other_language"]),
    "magicoder_evol_instruct": (ASKED, "solution.py", STUB, DOUBLE, ["several_programs"]),
    "magicoder_oss_instruct": (ASKED, "solution.py", STUB, DOUBLE, ["other_language"]),
    "opencodeinstruct": (ASKED, "solution.py", STUB, DOUBLE, ["tests_fail"]),
    "opencoder_sft_stage2": (ASKED, "solution.py", STUB, DOUBLE, []),
    "search_replace": (
        "Complete the marked place.",
        "module.py",
        MARKED,
        DOUBLE,
        ["no_code_fits"],
    ),
}


def of(name: str, folder: Path, **asked: object) -> list[SftExample | DpoExample | Dropped]:
    entry = published_file(name, folder).model_copy(update=asked)
    rows = published_rows(load_set(name), entry, files_of(entry, folder))
    return [item for row in rows for item in converted(row, entry, SYSTEM, ConversionPolicy())]


def row(name: str, **texts: str) -> PublishedRow:
    return PublishedRow(dataset=name, licence="mit", row="a.jsonl:1", texts=texts)


def only(name: str, **texts: str) -> SftExample | DpoExample | Dropped:
    entry = ColdStartFile(set=name, path="a.jsonl")
    (item,) = converted(row(name, **texts), entry, SYSTEM, ConversionPolicy())
    return item


def test_every_set_with_a_reader_has_a_conversion() -> None:
    assert set(SETS) == CONVERTED == set(EXPECTED)


@pytest.mark.parametrize("name", sorted(EXPECTED))
def test_a_fixture_gives_the_example_that_is_expected(name: str, tmp_path: Path) -> None:
    task, path, before, after, dropped = EXPECTED[name]

    found, *others = of(name, tmp_path)

    assert isinstance(found, SftExample)
    assert [message.role for message in (*found.prompt, *found.completion)] == [
        "system",
        "user",
        "assistant",
    ]
    assert found.prompt[0].content == SYSTEM
    step = asked_step(found.prompt[1].content)
    assert (task_text(step.before).strip(), step.text, step.targets) == (task, task, (path,))
    assert shown_code(step.before) == {path: before}
    assert applied(read(found.completion[0].content), {path: before}) == {path: after}
    assert found.example_id == example_id(
        "execute_code", SYSTEM, found.prompt[1].content, found.completion[0].content
    )
    assert [item.reason for item in others if isinstance(item, Dropped)] == dropped


def test_prompt_and_answer_letter_by_letter(tmp_path: Path) -> None:
    found = of("codefeedback", tmp_path)[0]

    assert isinstance(found, SftExample)
    assert found.prompt[1].content == (
        f"# Task\n{ASKED}\n\n"
        '## solution.py [python] (primary)\n<code lang="python">\nPLACEHOLDER = None\n\n</code>\n'
        f"\n# Step to Implement\nID: s1\n{ASKED}\nTarget files: solution.py\n"
    )
    assert found.completion[0].content == (
        '<edit file="solution.py">\n<search>\nPLACEHOLDER = None\n</search>\n'
        "<replacement>\ndef double(number):\n    return 2 * number\n</replacement>\n</edit>"
    )
    assert (found.origin.source, found.origin.licence, found.origin.row, found.origin.domain) == (
        "cold_start",
        "apache-2.0",
        "codefeedback.jsonl:1",
        "",
    )


def test_a_commit_gives_a_pair_of_its_code_after_and_before(tmp_path: Path) -> None:
    found = list(of("commitpackft", tmp_path, pairs=True))
    (pair,) = [item for item in found if isinstance(item, DpoExample)]

    shown = shown_code(asked_step(pair.prompt[1].content).before)
    hollow = "def total(prices):\n    raise NotImplementedError\n"
    assert shown == {"shop/cart.py": hollow}
    assert applied(read(pair.chosen[0].content), shown) == {"shop/cart.py": CART}
    assert "except Exception:\n        return 0" in pair.rejected[0].content
    assert pair.label == "pre_commit"


@pytest.mark.parametrize(
    ("changed", "reason"),
    [
        ({"new_contents": "def f():\n    return 1\n"}, "no_change"),
        ({"message": "  \n"}, "no_task"),
        ({"message": "Do it\n# Step to Implement\nID: s9\nno\n"}, "breaks_prompt"),
        ({"message": f"Do it\n{HEAD}"}, "breaks_prompt"),
        ({"new_contents": "def f():\n    return '</edit>'\n"}, "edits_cannot_say_it"),
        ({"new_contents": "def f():\n    return '<think>'\n"}, "edits_cannot_say_it"),
        ({"new_contents": "def f(:\n"}, "not_python"),
        ({"new_contents": "def f():\r\n    return 2\r\n"}, "carriage_returns"),
        ({"new_contents": "\n"}, "deleted_file"),
        ({"old_file": "b.py"}, "renamed_file"),
        ({"old_contents": f"x = '''\n{HEAD}'''\n"}, "breaks_prompt"),
        ({"message": "half \ud800"}, "not_unicode"),
    ],
)
def test_what_cannot_be_said_is_dropped_with_its_reason(
    changed: dict[str, str], reason: str
) -> None:
    texts = {
        "commit": "1" * 40,
        "old_file": "a.py",
        "new_file": "a.py",
        "old_contents": "def f():\n    return 1\n",
        "new_contents": "def f():\n    return 2\n",
        "message": "Return two",
        "lang": "Python",
    }

    assert isinstance(only("commitpackft", **texts), SftExample)
    found = only("commitpackft", **(texts | changed))
    assert isinstance(found, Dropped)
    assert found.reason == reason


def test_a_row_without_licence_is_dropped() -> None:
    entry = ColdStartFile(set="magicoder_evol_instruct", path="a")
    said = PublishedRow(
        dataset=entry.set, licence="", row="a:1", texts={"instruction": "a", "response": "x = 1"}
    )

    (found,) = converted(said, entry, SYSTEM, ConversionPolicy())
    assert found == Dropped("no_licence")


def test_a_bare_program_needs_no_fence() -> None:
    assert isinstance(
        only("magicoder_evol_instruct", instruction="a", response="x = 1\n"), SftExample
    )


@pytest.mark.parametrize("answer", ["Sure", "It does `x`.", "```\nSure\n```"])
def test_prose_that_is_also_python_is_no_program(answer: str) -> None:
    assert only("magicoder_evol_instruct", instruction="a", response=answer) == Dropped(
        "no_program"
    )


def test_a_set_without_conversion_is_refused() -> None:
    with pytest.raises(ValueError, match="no conversion for 'swe'"):
        only("swe")


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        ({"set": "d3", "edits": "lintseq"}, "holds no whole programs"),
        ({"set": "d3", "pairs": True}, "only commits give pairs"),
    ],
)
def test_a_set_is_not_asked_for_what_it_cannot_give(asked: dict[str, str], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        require_fit(ColdStartFile.model_validate({"path": "a", **asked}))


def test_blocks_with_the_ends_of_lines_of_windows_are_the_same_change() -> None:
    texts = {
        "prompt": "Return two.\n```python\ndef f():\n    return 1\n```\n",
        "completion": ("<<<<<<< SEARCH\n    return 1\n=======\n    return 2\n>>>>>>> REPLACE\n"),
    }
    windows = {name: text.replace("\n", "\r\n") for name, text in texts.items()}
    found = only("search_replace", **texts)

    assert isinstance(found, SftExample)
    assert only("search_replace", **windows) == found
