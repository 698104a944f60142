"""The oracle through a whole attempt, and against answers of others."""

from __future__ import annotations

import json

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cra_pipeline.contracts.ports import Oracle
from cra_pipeline.gold.book import GoldBook
from cra_pipeline.gold.change import GoldChange
from cra_pipeline.gold.edits import Edit, applied, read, written
from cra_pipeline.gold.oracle import NO_CHANGE, GoldOracle
from cra_pipeline.gold.plans import NO_TESTS
from cra_pipeline.kinds import CALL_KINDS
from cra_pipeline_tests.gold.books import (
    ENVIRONMENT,
    book,
    books,
    context,
    scope_prompt,
    step_prompt,
    steps_of,
    symbol_prompt,
)

_BEFORE = {
    "p/a.py": (
        "from p.b import two\n\n\ndef one(x):\n    return x\n\n\ndef more(x):\n    return x\n"
    ),
    "p/b.py": "def two(x):\n    return x\n",
    "tests/test_a.py": "from p.a import one\n\n\ndef test_one():\n    assert one(1)\n",
}
_AFTER = {
    path: text.replace("return x", "return -x") + "\nEND = 1\n" for path, text in _BEFORE.items()
}
_BOOK = book(_BEFORE, _AFTER)


def _asked(oracle: GoldOracle, kind: str, prompt: str) -> str:
    answer = oracle.answer(kind, prompt)
    oracle.observe(kind, prompt, answer)
    return answer


def _solved(oracle: GoldOracle, drawn: GoldBook, texts: dict[str, str]) -> dict[str, str]:
    """What a run of the agent ends with, if it asks the oracle and no one else."""
    for part in json.loads(_asked(oracle, "meta_plan", context(drawn.statement, texts)))["parts"]:
        text = part["description"]
        plan = _asked(oracle, "part_plan", context(text, texts))
        texts = _implemented(oracle, "implement", plan, texts)
        tests = _asked(
            oracle, "test_plan", context(f"Plan tests for part {part['id']}: {text}", texts)
        )
        if tests != NO_TESTS:
            texts = _implemented(oracle, "test_implement", tests, texts)
    return texts


def _implemented(oracle: GoldOracle, kind: str, plan: str, texts: dict[str, str]) -> dict[str, str]:
    for step in steps_of(plan):
        prompt = step_prompt(
            str(step["description"]), step["target_files"], texts, number=str(step["id"])
        )
        texts = texts | applied(read(_asked(oracle, kind, prompt)), texts)
    return texts


@given(books())
@settings(suppress_health_check=[HealthCheck.too_slow], deadline=None)
def test_a_run_by_gold_alone_ends_as_the_commit_does(drawn: GoldBook) -> None:
    ended = _solved(GoldOracle(drawn), drawn, dict(drawn.before))

    assert ended == {**drawn.before, **drawn.after}


@given(books(), books())
def test_answers_are_repeatable_and_asking_changes_nothing(one: GoldBook, other: GoldBook) -> None:
    first, second = GoldOracle(one), GoldOracle(one)
    prompts = [scope_prompt(one.statement, path) for path in (*one.before, *other.before)]
    for prompt in prompts:
        second.answer("scope", prompt)

    assert [first.answer("scope", prompt) for prompt in prompts] == [
        second.answer("scope", prompt) for prompt in prompts
    ]
    assert first.answer("meta_plan", "") == second.answer("meta_plan", "")


@given(books())
def test_yes_and_no_follow_the_diff(drawn: GoldBook) -> None:
    oracle, change = GoldOracle(drawn), GoldChange(drawn)
    for symbol in drawn.symbols:
        prompt = symbol_prompt(drawn.statement, symbol)
        wanted, primary, full = (oracle.answer(f"precision_pass{n}", prompt) for n in (1, 2, 3))
        file = change.files.get(symbol.path)
        touched = file is not None and (
            file.touches(symbol.start_line, symbol.end_line) or symbol in file.touched
        )

        assert (primary == "yes") == touched
        assert wanted == "yes" or primary == full == "no"
        assert (
            oracle.answer("scope", scope_prompt(drawn.statement, symbol.path)) == "yes"
            or not touched
        )


@given(books(), st.text(max_size=60), st.sampled_from(sorted(CALL_KINDS)))
@settings(suppress_health_check=[HealthCheck.too_slow])
def test_any_prompt_gets_an_answer_or_a_value_error(drawn: GoldBook, text: str, kind: str) -> None:
    oracle = GoldOracle(drawn)
    for prompt in (text, context(text, {}), step_prompt(text, [text], {}), f"Task: {text}\n\n"):
        try:
            answer = oracle.answer(kind, prompt)
        except ValueError:
            answer = text
        oracle.observe(kind, prompt, answer)

    assert isinstance(answer, str)


_WRONG = st.sampled_from(
    [
        written([Edit("p/a.py", "return x\n\n\ndef more", "return 7\n\n\ndef less")]),
        written([Edit("p/a.py", "END = 0", "x"), Edit("p/b.py", "return x", "return 1")]),
        written([Edit("p/a.py", "from p.b import two\n", "")]),
        written([Edit("no.py", "x", "y")]),
        "I cannot do that.",
        "",
    ]
)


@given(st.lists(_WRONG, max_size=4))
def test_wrong_edits_of_others_are_still_led_to_the_commit(wrong: list[str]) -> None:
    oracle, texts = GoldOracle(_BOOK), dict(_BEFORE)
    for number, answer in enumerate(wrong):
        prompt = step_prompt(f"Try {number}", ["p/a.py"], texts, number=f"s{number}")
        oracle.observe("implement", prompt, answer)
        try:
            texts |= applied(read(answer), texts)
        except ValueError:
            continue
    prompt = step_prompt("Last try", ["p/a.py"], texts, number="last")

    assert applied(read(oracle.answer("implement", prompt)), texts)["p/a.py"] == _AFTER["p/a.py"]


@pytest.mark.parametrize(
    "plan",
    [
        "no plan",
        "[]",
        '{"parts": 3}',
        '{"parts": [1, {"id": 2, "description": null, "affected_files": "a.py"}]}',
        '```\n{"parts": [{"id": "x", "description": "Only b", "affected_files": ["p/b.py"]}]}\n```',
    ],
)
def test_plans_of_others_are_noted_as_far_as_they_are_plans(plan: str) -> None:
    oracle = GoldOracle(_BOOK)
    oracle.observe("meta_plan", context("Make it so", {}), plan)
    answer = json.loads(oracle.answer("part_plan", context("Only b", _BEFORE)))

    expected = ["p/b.py"] if "Only b" in plan else ["p/b.py", "p/a.py"]
    assert [path for step in answer["steps"] for path in step["target_files"]] == expected


def test_steps_of_others_that_share_a_file_share_its_changes() -> None:
    oracle = GoldOracle(_BOOK)
    steps = [
        {
            "id": "s1",
            "description": "First",
            "target_files": ["p/a.py"],
            "target_symbols": ["more"],
        },
        {"id": "s2", "description": "Then", "target_files": ["p/a.py"], "target_symbols": ["one"]},
    ]
    oracle.observe("part_plan", context("Part", {}), json.dumps({"steps": steps}))
    texts = dict(_BEFORE)
    first = _asked(oracle, "implement", step_prompt("First", ["p/a.py"], texts, symbols=["more"]))
    texts |= applied(read(first), texts)
    halfway = texts["p/a.py"]
    second = _asked(
        oracle, "implement", step_prompt("Then", ["p/a.py"], texts, number="s2", symbols=["one"])
    )
    texts |= applied(read(second), texts)

    assert "def more(x):\n    return -x" in halfway
    assert "def one(x):\n    return x" in halfway
    assert texts["p/a.py"] == _AFTER["p/a.py"]


def test_a_finished_step_has_no_answer() -> None:
    oracle = GoldOracle(_BOOK)
    _asked(oracle, "implement", step_prompt("One", ["p/b.py"], _BEFORE))
    texts = {**_BEFORE, "p/b.py": _AFTER["p/b.py"]}

    with pytest.raises(ValueError, match="the commit changes nothing more"):
        oracle.answer("implement", step_prompt("Again", ["p/b.py"], texts))


def test_a_repeated_call_gets_the_same_answer() -> None:
    oracle = GoldOracle(_BOOK)
    prompt = step_prompt("One", ["p/b.py"], _BEFORE)

    assert _asked(oracle, "implement", prompt) == _asked(oracle, "implement", prompt)


def test_dependencies_follow_the_imports() -> None:
    oracle = GoldOracle(_BOOK)
    pair = (
        "Part: x\n\nStep A — s1: Change {}: y\nStep B — s2: Change {}: y\n"
        "Does Step B depend on Step A?"
    )

    assert oracle.answer("step_dependency", pair.format("p/b.py", "p/a.py")) == "yes"
    assert oracle.answer("step_dependency", pair.format("p/a.py", "p/b.py")) == "no"


def test_a_part_without_tests_gets_no_plan_for_them() -> None:
    oracle = GoldOracle(book({"a.py": "x = 1\n"}, {"a.py": "x = 2\n"}))

    assert oracle.answer("test_plan", context("Plan tests for part p1: x", {})) == NO_TESTS
    assert "<edit" not in oracle.answer("documentation", "") == NO_CHANGE


def test_a_summary_names_nothing_that_the_task_does_not() -> None:
    prompt = f"{ENVIRONMENT}\nTask: Fix the thing\n\nExtracted files: []"

    assert GoldOracle(_BOOK).answer("task_analysis", prompt) == "Fix the thing."


def test_enrichment_and_strange_kinds_have_no_answer() -> None:
    with pytest.raises(ValueError, match="'enrichment': the commit knows no answer"):
        GoldOracle(_BOOK).answer("enrichment", "x")


def test_a_book_without_a_change_is_refused() -> None:
    with pytest.raises(ValueError, match="no changed file"):
        GoldOracle(book({"a.py": "x\n"}, {"a.py": "x\n"}))


def test_all_kinds_but_enrichment_are_answered() -> None:
    oracle: Oracle = GoldOracle(_BOOK)
    unknown = []
    for kind in CALL_KINDS:
        try:
            oracle.answer(kind, "")
        except ValueError as error:
            unknown += [kind] if "no answer to this kind" in str(error) else []

    assert unknown == ["enrichment"]


def test_search_texts_are_looked_for_where_their_own_file_is_shown() -> None:
    text = "def one(x):\n    x += 1\n    return x\n"
    oracle = GoldOracle(
        book({"a.py": text, "b.py": text}, {"a.py": text.replace("1\n", "1\n    x += 2\n")})
    )
    excerpt = "def one(x):\n    x += 1"
    shown = {"b.py": "    return x", "a.py": excerpt}
    (edit,) = read(oracle.answer("implement", step_prompt("Change a.py", ["a.py"], shown)))

    assert edit.search in excerpt
