"""Answers to planning calls become one plan, or none where the agent would refuse them."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cra_pipeline.contracts.calls import CallRecord
from cra_pipeline.harness.plan_answers import read_groups, read_points
from cra_pipeline.harness.plans import PlannedStep, planned, planned_in
from cra_pipeline.kinds import read_verdict

PLANNING = [
    "meta_plan",
    "part_plan",
    "test_plan",
    "change_point_enum",
    "part_grouping",
    "part_grouping_binary",
    "part_dependency",
    "symbol_targeting",
    "step_design",
    "step_dependency",
]


def call(kind: str, response: object, prompt: str = "", *, finish: str = "stop") -> CallRecord:
    return CallRecord.model_validate(
        {
            "attempt": "a",
            "number": 0,
            "call_kind": kind,
            "system": "",
            "prompt": prompt,
            "response": response if isinstance(response, str) else json.dumps(response),
            "thinking": "",
            "prompt_tokens": None,
            "completion_tokens": None,
            "latency_ms": 0,
            "responder": "gold",
            "model": "m",
            "temperature": 0.0,
            "seed": 0,
            "finish": finish,
            "error": "",
        }
    )


def part(name: str, files: list[str], after: list[str], **more: object) -> dict[str, Any]:
    described = {"id": name, "description": f"Do {name}", "affected_files": files}
    return {**described, "depends_on": after, **more}


def meta(*parts: dict[str, Any]) -> dict[str, Any]:
    return {"task_summary": "s", "parts": list(parts), "rationale": "r"}


def step(name: str, files: list[str], after: list[str], symbols: list[str]) -> dict[str, Any]:
    described = {"id": name, "description": f"Do {name}", "target_files": files}
    return {**described, "target_symbols": symbols, "depends_on": after}


def steps(*items: dict[str, Any]) -> dict[str, Any]:
    return {"part_id": "p", "task_summary": "s", "steps": list(items), "rationale": "r"}


TWO = meta(part("p1", ["a.py"], []), part("p2", ["b.py"], ["p1"]))


def test_a_monolithic_plan_is_one_graph_of_steps() -> None:
    first = steps(step("s1", ["a.py"], [], ["f"]), step("s2", ["c.py"], ["s1"], []))
    found = planned(
        [
            call("task_analysis", "anything"),
            call("meta_plan", TWO),
            call("part_plan", first, "# Task\nDo p1\n"),
            call("test_plan", steps(step("t1", ["test_a.py"], [], [])), "for p1: Do p1"),
            call("part_plan", steps(step("s1", ["b.py"], [], ["g"])), "# Task\nDo p2\n"),
        ]
    )

    assert found == (
        PlannedStep(id="p1:s1", files=("a.py",), symbols=("f",), depends_on=()),
        PlannedStep(id="p1:s2", files=("c.py",), symbols=(), depends_on=("p1:s1",)),
        PlannedStep(
            id="p1:test:t1", files=("test_a.py",), symbols=(), depends_on=("p1:s1", "p1:s2")
        ),
        PlannedStep(id="p2:s1", files=("b.py",), symbols=("g",), depends_on=("p1:s1", "p1:s2")),
    )


def points(*pairs: tuple[str, str]) -> dict[str, Any]:
    listed = [
        {"file_path": file, "symbol": symbol, "change_type": "modify", "rationale": "r"}
        for file, symbol in pairs
    ]
    return {"task_summary": "s", "change_points": listed}


TARGETS = {
    "part_id": "p1",
    "targets": [{"file_path": "a.py", "symbol": "f", "action": "modify", "rationale": "r"}],
}
PAIR = "Change Point A (index {}): [modify] a.py :: f\n\nChange Point B (index {}): [modify] .."
ASKED = "Part: x\n\n{0} A \u2014 {1}: first\n{0} B \u2014 {2}: second\nDoes {0} B depend on {0} A?"


def test_a_decomposed_plan_is_the_same_graph() -> None:
    found = planned(
        [
            call("change_point_enum", points(("a.py", "f"), ("b.py", "g"), ("a.py", "h"))),
            call("part_grouping_binary", "no", PAIR.format(0, 1)),
            call("part_grouping_binary", "YES ", PAIR.format(0, 2)),
            call("part_grouping_binary", "rubbish", PAIR.format(1, 2)),
            call("part_dependency", "yes", ASKED.format("Part", "p1", "p2")),
            call("part_dependency", "no", ASKED.format("Part", "p2", "p1")),
            call("symbol_targeting", TARGETS, "# Task\nModify f, h in a.py -- r\n"),
            call("step_design", steps(step("s1", ["a.py"], ["s9"], []), step("s10", [], [], []))),
            call("step_dependency", "no", ASKED.format("Step", "s1", "s10")),
            call("step_dependency", '{"verdict": "yes"}', ASKED.format("Step", "s10", "s1")),
        ]
    )

    assert found == (
        PlannedStep(id="p1:s1", files=("a.py",), symbols=(), depends_on=("p1:s10",)),
        PlannedStep(id="p1:s10", files=(), symbols=(), depends_on=()),
        PlannedStep(id="p2", files=("b.py",), symbols=("g",), depends_on=("p1:s1", "p1:s10")),
    )


def test_a_grouping_in_one_answer_takes_every_point_once() -> None:
    found = read_points(json.dumps(points(("a.py", "f"), ("b.py", "g"))))

    def grouped(*indices: object) -> str:
        return json.dumps({"parts": [part("p1", ["a.py"], [], change_point_indices=list(indices))]})

    assert read_groups(grouped(1, 0), found)[0].symbols == ("g", "f")
    for odd in [grouped(0), grouped(0, 0, 1), grouped(0, 1, 2), grouped(0, 1, -1), grouped("0", 1)]:
        with pytest.raises(ValueError, match=r"change.point"):
            read_groups(odd, found)


GOOD = steps(step("s1", ["a.py"], [], ["f"]))
MALFORMED: list[object] = [
    "",
    "no plan",
    "Here it is:\n```json\n" + json.dumps(GOOD) + "\n```",
    "```json\n" + json.dumps(GOOD) + "\n```\nDone.",
    json.dumps(GOOD)[:-5],
    [],
    {},
    {**GOOD, "rationale": ""},
    {**GOOD, "steps": []},
    {**GOOD, "steps": [1]},
    {**GOOD, "steps": "s1"},
    steps(step("", ["a.py"], [], [])),
    steps({"id": "s1"}),
    steps(step("s1", [], [], []), step("s1", [], [], [])),
    steps(step("s1", [], ["s1"], [])),
    steps(step("s1", [], ["s2"], [])),
    steps(step("s1", [], ["s2"], []), step("s2", [], ["s1"], [])),
    steps({**step("s1", [], [], []), "depends_on": None}),
    steps({**step("s1", [], [], []), "target_files": [["a.py"]]}),
    "[" * 200_000,
]


@pytest.mark.parametrize("answer", MALFORMED)
def test_what_the_agent_refuses_is_no_plan(answer: object) -> None:
    assert planned_in(call("part_plan", answer)) is None
    assert planned_in(call("part_plan", GOOD)) is not None


@pytest.mark.parametrize(
    "answer",
    [
        json.dumps(GOOD),
        "```json\n" + json.dumps(GOOD) + "\n```",
        "```\n" + json.dumps(GOOD) + "\n",
        json.dumps({**GOOD, "more": 1}),
        json.dumps(steps({**step("s1", ["a.py"], [], ["f"]), "depends_on": []})),
    ],
)
def test_what_the_agent_takes_is_a_plan(answer: str) -> None:
    assert planned_in(call("test_plan", answer)) == (
        PlannedStep(id="s1", files=("a.py",), symbols=("f",), depends_on=()),
    )


def test_text_in_place_of_a_list_names_nothing() -> None:
    found = planned_in(call("part_plan", steps({**step("s1", [], [], []), "target_files": "a.py"})))

    assert found == (PlannedStep(id="s1", files=(), symbols=(), depends_on=()),)


def test_a_malformed_part_plans_nothing_and_the_others_stand() -> None:
    found = planned([call("meta_plan", TWO), call("part_plan", "rubbish", "Do p1")])

    assert found == (PlannedStep(id="p2", files=("b.py",), symbols=(), depends_on=()),)


def test_a_malformed_test_plan_costs_its_steps_only() -> None:
    calls = [call("meta_plan", TWO), call("part_plan", GOOD, "Do p1")]

    assert planned([*calls, call("test_plan", "none", "Do p1")]) == planned(calls)


def test_a_call_without_an_answer_planned_nothing() -> None:
    calls = [call("meta_plan", TWO), call("part_plan", "", "Do p1", finish="error")]

    assert planned(calls) == planned(calls[:1])
    assert planned([call("meta_plan", TWO, finish="error")]) is None


@pytest.mark.parametrize(
    "calls",
    [
        [],
        [call("scope", "yes")],
        [call("part_plan", GOOD)],
        [call("meta_plan", "rubbish")],
        [call("meta_plan", meta(part("p1", [], ["p2"]), part("p2", [], ["p1"])))],
        [call("change_point_enum", points())],
        [call("change_point_enum", points(("a.py", "f"))), call("part_grouping", "{}")],
        [
            call("change_point_enum", points(("a.py", "f"), ("b.py", "g"))),
            call("part_dependency", "Yes.", ASKED.format("Part", "p1", "p2")),
        ],
        [
            call("change_point_enum", points(("a.py", "f"), ("b.py", "g"))),
            call("part_dependency", "yes", ASKED.format("Part", "p1", "p2")),
            call("part_dependency", "yes", ASKED.format("Part", "p2", "p1")),
        ],
    ],
)
def test_without_a_first_plan_there_is_none(calls: list[CallRecord]) -> None:
    assert planned(calls) is None


@pytest.mark.parametrize(
    ("text", "verdict"),
    [
        ("yes", True),
        (" No\n", False),
        ('{"verdict": "relevant"}', True),
        ('{"verdict": true}', True),
        ('{"verdict": "irrelevant"}', False),
        ('{"keep": true}', True),
        ('```json\n{"keep": false}\n```', False),
        ("Yes.", None),
        ("yes, because", None),
        ('"yes"', None),
        ("```\nyes\n```", None),
        ("[]", None),
        ("", None),
    ],
)
def test_a_verdict_is_read_as_the_agent_reads_it(text: str, verdict: object) -> None:
    assert read_verdict(text) is verdict


scalars = st.none() | st.booleans() | st.integers() | st.text(max_size=3)
KEYS = ["id", "description", "parts", "steps", "depends_on", "task_summary", "rationale", "part_id"]
KEYS += ["target_files", "target_symbols", "affected_files", "change_points", "targets"]
KEYS += ["change_point_indices", "file_path", "symbol", "change_type", "action", "verdict", "keep"]
objects = st.recursive(
    scalars,
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(KEYS), inner, max_size=6)
    ),
    max_leaves=12,
)


@given(
    st.lists(
        st.tuples(st.sampled_from(PLANNING), objects | st.sampled_from([TWO, GOOD, TARGETS, "no"]))
    )
)
def test_no_answer_is_ever_an_exception(answers: list[tuple[str, object]]) -> None:
    calls = [call(kind, answer) for kind, answer in answers]
    found = planned([call("meta_plan", TWO), *calls])

    assert found is None or len({step.id for step in found}) == len(found)
    assert all(planned_in(one) is None or planned_in(one) for one in calls)
