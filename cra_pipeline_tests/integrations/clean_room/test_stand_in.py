"""The stand-in at work: the agent's protocol and endings, prompts that the oracle reads."""

from __future__ import annotations

import json
import sqlite3
import subprocess
import sys
from collections import Counter
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from cra_pipeline.contracts.agents import AgentRun, AgentSettings
from cra_pipeline.contracts.calls import ModelAnswer, ModelRequest
from cra_pipeline.contracts.ports import Responder
from cra_pipeline.contracts.tasks import Outcome
from cra_pipeline.errors import ModelError
from cra_pipeline.integrations.clean_room.configuration import configuration
from cra_pipeline.integrations.clean_room.stand_in_program import stand_in_program
from cra_pipeline.integrations.responders.gold import GoldResponder
from cra_pipeline.integrations.responders.oracles import Oracles
from cra_pipeline.kinds import CALL_KINDS
from cra_pipeline_tests.conftest import DISCOUNT, LIBRARY
from cra_pipeline_tests.histories import Upstream
from cra_pipeline_tests.integrations.clean_room.beds import PLAN, Bed, make_bed

SHOP = {
    "shop.py": "import math\n\n\ndef area(w, h):\n    return w * h\n",
    "tests/test_shop.py": "from shop import area\n\n\ndef test_area():\n    assert area(2, 3)\n",
}
BIGGER_SHOP = {
    "shop.py": SHOP["shop.py"].replace(
        "    return", "    if w < 0:\n        raise ValueError(w)\n    return"
    ),
    "tests/test_shop.py": SHOP["tests/test_shop.py"]
    + "\n\ndef test_none():\n    assert area(0, 2) == 0\n",
}
CONFIGURATIONS = {
    "monolithic": AgentSettings(name="monolithic", adjustment_rounds=3, documentation=True),
    "decomposed": AgentSettings(name="decomposed", decomposed=True),
    "pairwise": AgentSettings(
        name="pairwise",
        decomposed=True,
        binary_grouping=True,
        stages=("scope", "precision", "similarity"),
    ),
}
EXPECTED = {
    "monolithic": {"meta_plan", "part_plan", "adjustment", "documentation"},
    "decomposed": {
        "change_point_enum", "part_grouping", "part_dependency", "symbol_targeting", "step_design",
    },
    "pairwise": {"part_grouping_binary", "part_dependency", "step_design", "similarity"},
}  # fmt: skip
ALWAYS = {
    "task_analysis", "stage_routing", "scope", "precision_pass1", "precision_pass2",
    "precision_pass3", "implement", "test_plan", "test_implement",
}  # fmt: skip


class Says(Responder):
    """Gold, but for some answers."""

    name = "says"

    def __init__(self, oracles: Oracles, by_kind: dict[str, str]) -> None:
        self._gold = GoldResponder(oracles)
        self._by_kind = by_kind

    async def answer(self, request: ModelRequest) -> ModelAnswer:
        """An answer of its own, none at all for ``refuse``, or gold's."""
        text = self._by_kind.get(request.call_kind)
        if text is None:
            return await self._gold.answer(request)
        if text == "refuse":
            raise ModelError("no model")
        return ModelAnswer(text=text, model="m", responder=self.name)


def attempt(bed: Bed, name: str, by_kind: dict[str, str]) -> AgentRun:
    """One attempt in which some kinds of calls are answered otherwise."""
    oracles = Oracles()
    with bed.agent(Says(oracles, by_kind), oracles) as agent:
        return agent.run(bed.task, PLAN, {}, name)


@pytest.mark.slow
@pytest.mark.parametrize("form", ["names", "metadata"])
@pytest.mark.parametrize("name", sorted(CONFIGURATIONS))
def test_gold_reproduces_two_parts_in_every_configuration(
    tmp_path: Path, env_folder: Path, name: str, form: str
) -> None:
    bed = make_bed(
        tmp_path, env_folder, start={**LIBRARY, **SHOP}, commit={**DISCOUNT, **BIGGER_SHOP}
    )
    bed = replace(bed, settings=CONFIGURATIONS[name])
    run = bed.attempt(plan=PLAN.model_copy(update={"task_form": form}))
    kinds = Counter(call.call_kind for call in run.calls)

    assert (run.outcome, run.status, run.withheld) == (None, "complete", "")
    assert (run.reproduced, run.usable, run.shortfall) == (True, True, "")
    assert set(kinds) >= EXPECTED[name] | ALWAYS - {"precision_pass3"}
    assert kinds["implement"] == kinds["test_implement"] == 2
    assert {file.path for file in run.proposal.files} == set(DISCOUNT) | set(BIGGER_SHOP)


def test_gold_reproduces_a_commit_and_its_test(shared_bed: Bed) -> None:
    run = shared_bed.attempt("plain")

    assert (run.outcome, run.status, run.withheld) == (None, "complete", "")
    assert (run.reproduced, run.usable, run.shortfall) == (True, True, "")
    assert {file.path: file.text for file in run.proposal.files} == DISCOUNT
    assert len(run.right_answers) == len(run.calls)


def test_added_deleted_and_given_files_are_reproduced(tmp_path: Path, env_folder: Path) -> None:
    commit = {
        **DISCOUNT,
        "tax.py": "RATE = 19\n\n\ndef tax(total):\n    return total * RATE / 100\n",
        "tests/test_tax.py": "from tax import tax\n\n\ndef test_tax():\n    assert tax(1)\n",
        "rates.csv": "19\n",
    }
    run = make_bed(tmp_path, env_folder, commit=commit).attempt()

    assert (run.outcome, run.reproduced, run.usable, run.shortfall) == (None, True, True, "")
    assert {file.path: file.text for file in run.proposal.files} == commit


def test_the_agent_logs_exactly_what_the_gateway_received(bed: Bed) -> None:
    run = bed.attempt()
    logged = home_rows(
        bed, "SELECT system_prompt, prompt, response, thinking FROM retrieval_llm_calls ORDER BY id"
    )

    assert logged == [
        (call.system, call.prompt, call.response, call.thinking) for call in run.calls
    ]


def home_rows(bed: Bed, sql: str) -> list[tuple[object, ...]]:
    """From the database into which attempts are merged."""
    with closing(sqlite3.connect(bed.layout.raw_db)) as home:
        return home.execute(sql).fetchall()


def test_prompts_repeat_to_the_byte(shared_bed: Bed) -> None:
    first, second = (shared_bed.attempt(name).calls for name in ("first", "second"))

    assert [(call.system, call.prompt) for call in first] == [
        (call.system, call.prompt) for call in second
    ]


EDIT = (
    '<edit file="till.py">\n<search>\nnowhere\n</search>\n<replacement>\nx\n</replacement>\n</edit>'
)
OUT = EDIT.replace("till.py", "../escape.py")
WRONG = EDIT.replace("nowhere", "    return sum(prices)").replace("\nx\n", "\n    return 0\n")
PARTS = json.dumps({
    "task_summary": "s", "rationale": "r", "parts": [
        {"id": "p1", "description": "Change till.py", "affected_files": ["till.py"]},
        {"id": "p2", "description": "Look at till.py", "affected_files": ["till.py"]},
    ],
})  # fmt: skip
UNDONE = {
    "a plan that is none": ({"meta_plan": "Let me think."}, "agent_failed", "JSONDecodeError"),
    "a plan without parts": ({"meta_plan": '{"parts": []}'}, "agent_failed", "no parts"),
    "a plan that is a list": ({"meta_plan": "[1]"}, "agent_failed", "no parts"),
    "a circle": (
        {"meta_plan": PARTS.replace('"affected_files"', '"depends_on": ["p2"], "affected_files"')},
        "agent_failed", "circle",
    ),
    "steps that are none": ({"part_plan": "no"}, "agent_failed", ""),
    "an edit that does not fit": ({"implement": EDIT}, "agent_failed", ""),
    "no edit": ({"implement": "I would change the sum."}, "agent_failed", ""),
    "an edit outside": ({"implement": OUT}, "agent_failed", ""),
    "a test that does not fit": ({"test_implement": EDIT}, "agent_partial", ""),
    "work that breaks the tests": (
        {"implement": WRONG, "test_plan": "none"}, "agent_partial", "its tests: ",
    ),
}  # fmt: skip


@pytest.mark.parametrize("what", sorted(UNDONE))
def test_what_fails_is_undone_and_says_so(shared_bed: Bed, what: str) -> None:
    answers, reason, words = UNDONE[what]
    run = attempt(shared_bed, what, answers)

    assert (run.outcome, run.reason) == (Outcome.FAILED, reason)
    assert words in run.detail
    assert run.proposal.files == ()
    assert run.status == reason.removeprefix("agent_")


def test_a_part_without_a_plan_leaves_parts_missing(shared_bed: Bed) -> None:
    one = json.dumps({
        "part_id": "p1", "task_summary": "s", "rationale": "r", "steps": [
            {"id": "s1", "description": "Change till.py", "target_files": ["till.py"]},
        ],
    })  # fmt: skip
    harmless = WRONG.replace("return 0", "return sum(list(prices))")
    answers = {"meta_plan": PARTS, "implement": harmless, "test_plan": "none"}
    # The second part finds its text gone, so its only step fails.
    run = attempt(shared_bed, "parts", {**answers, "part_plan": one})

    assert (run.outcome, run.reason) == (Outcome.FAILED, "agent_partial")


class SkipsOne(Says):
    """Gold's plan and a second part, for whose steps it has no plan."""

    async def answer(self, request: ModelRequest) -> ModelAnswer:
        """As gold, but for the parts and the plan of the second one."""
        if request.call_kind == "part_plan" and SECOND in request.prompt:
            return ModelAnswer(text="I cannot plan this.", model="m", responder=self.name)
        given = await super().answer(request)
        if request.call_kind != "meta_plan":
            return given
        plan = json.loads(given.text)
        first = plan["parts"][0]
        plan["parts"].append({
            **first, "id": "extra", "description": SECOND, "depends_on": [first["id"]],
        })  # fmt: skip
        return given.model_copy(update={"text": json.dumps(plan), "responder": self.name})


SECOND = "Tidy till.py, the other part"


def test_a_part_that_is_passed_over_is_missing_and_its_calls_are_not_foreign(
    shared_bed: Bed,
) -> None:
    oracles = Oracles()
    with shared_bed.agent(SkipsOne(oracles, {}), oracles) as agent:
        run = agent.run(shared_bed.task, PLAN, {}, "passed over")

    assert (run.outcome, run.status, run.withheld) == (None, "complete", "parts_missing")
    assert run.detail == ""


def test_an_edit_beside_the_code_is_judged_like_any_other(tmp_path: Path, env_folder: Path) -> None:
    beside = {"CHANGELOG.md": "# Changes\r\n", "rest.py": "x = 1\r\ny = 1\r\n"}
    bed = make_bed(tmp_path, env_folder, start={**LIBRARY, **beside})
    more = "".join(
        f'<edit file="{path}">\n<search>\n{old}\n</search>\n<replacement>\n{new}\n'
        "</replacement>\n</edit>\n"
        for path, old, new in (
            ("till.py", "return sum(prices)", "return sum(list(prices))"),
            ("CHANGELOG.md", "# Changes\n", "# Changes\n- mine\n"),
            ("rest.py", "x = 1\ny = 1", "x = 1\ny = 2"),
        )
    )
    run = attempt(bed, "a1", {"implement": more, "test_plan": "none"})
    changed = {file.path: file.text for file in run.proposal.files}

    assert (run.outcome, run.status, run.reason) == (None, "complete", "")
    assert changed["CHANGELOG.md"] == "# Changes\n- mine\n"
    assert changed["rest.py"] == "x = 1\ny = 2\n"


def test_no_plan_for_tests_is_no_failure(shared_bed: Bed) -> None:
    harmless = WRONG.replace("return 0", "return sum(list(prices))")
    run = attempt(shared_bed, "no tests", {"implement": harmless, "test_plan": "none"})

    assert (run.outcome, run.status, run.withheld) == (None, "complete", "")
    assert [file.path for file in run.proposal.files] == ["till.py"]
    assert run.reproduced is False


@pytest.mark.parametrize("kind", ["task_analysis", "scope", "meta_plan", "implement"])
def test_a_refused_call_ends_the_run_after_it_has_cleaned_up(
    tmp_path: Path, env_folder: Path, kind: str
) -> None:
    start = {**LIBRARY, "other.py": "y = 1\n"}
    bed = make_bed(tmp_path, env_folder, start=start)
    run = attempt(bed, "refused", {kind: "refuse"})

    assert (run.outcome, run.reason) == (Outcome.MODEL_ERROR, "no_answer")
    assert run.calls[-1].error == "no model"
    assert home_rows(bed, "SELECT status FROM orchestrator_runs") == [("failed",)]
    assert run.proposal.files == ()


def test_over_budget_the_model_is_asked_which_files_to_keep(
    tmp_path: Path, env_folder: Path
) -> None:
    filler = "def f():\n" + "    x = 1\n" * 700
    bed = make_bed(tmp_path, env_folder, start={**LIBRARY, "filler.py": filler})
    bed = replace(
        bed, settings=AgentSettings(name="small", context_window=4096, reserved_tokens=2900)
    )
    yes = dict.fromkeys(("scope", "precision_pass1", "precision_pass2"), "yes")
    run = attempt(bed, "small", yes)
    asked = [call for call in run.calls if call.call_kind == "assembly_refilter"]

    assert asked
    assert "filler.py" not in asked[0].response
    assert (run.outcome, run.reproduced) == (None, True)


def test_thinking_is_kept_apart(shared_bed: Bed) -> None:
    answers = {"task_analysis": "<think>hm</think>Raise the total."}
    run = attempt(shared_bed, "thinking", answers)

    assert run.reproduced
    assert {call.thinking for call in run.calls if call.call_kind == "task_analysis"} == {"hm"}


def test_every_call_kind_has_a_prompt_of_its_own_and_they_decide_the_digest() -> None:
    program = stand_in_program()

    assert set(program.system_prompts) == set(CALL_KINDS)
    assert len(set(program.system_prompts.values())) == len(CALL_KINDS)
    assert len(program.digest) == 64
    assert program.digest == stand_in_program().digest


def test_it_runs_alone_under_a_bare_interpreter(tmp_path: Path) -> None:
    (folder,) = stand_in_program().folders
    subprocess.run(["git", "init", "-q", str(tmp_path)], check=True)
    (tmp_path / "a.py").write_text("def f():\n    '''Words.'''\n\n\nX = 1\n")
    code = f"import sys, runpy; sys.path[:0] = [{str(folder)!r}]; sys.argv[1:] = ['index', '.']\n"
    code += "runpy.run_module('stand_in', run_name='__main__', alter_sys=True)\n"
    code += "assert not [m for m in sys.modules if m.startswith('cra_pipeline')]"
    subprocess.run([sys.executable, "-I", "-S", "-c", code], cwd=tmp_path, check=True)
    with closing(sqlite3.connect(tmp_path / ".clean_room" / "curated.sqlite")) as connection:
        rows = connection.execute("SELECT name, kind, start_line, end_line FROM symbols").fetchall()

    assert rows == [("f", "function", 1, 2), ("X", "variable", 5, 5)]


def detached(repo: Path) -> None:
    subprocess.run(["git", "checkout", "-q", "--detach"], cwd=repo, check=True)


CONFIG = ".clean_room/config.toml"
STATES: dict[str, tuple[Callable[[Path], object], str]] = {
    "no configuration": (lambda repo: (repo / CONFIG).unlink(), "config.toml"),
    "a key is missing": (lambda repo: (repo / CONFIG).write_text("[models]\n"), "KeyError"),
    "a dirty tree": (lambda repo: (repo / "a.py").write_text("y"), "not clean"),
    "no branch": (detached, "on no branch"),
}


@pytest.mark.parametrize("what", sorted(STATES))
def test_an_unfit_repository_ends_it_with_an_error(tmp_path: Path, what: str) -> None:
    change, words = STATES[what]
    upstream = Upstream(tmp_path / "repo")
    upstream.commit({"a.py": "x = 1\n", ".gitignore": ".clean_room/\n"})
    state = upstream.path / ".clean_room"
    state.mkdir()
    text = configuration(AgentSettings(name="any"), port=9, temperature=0.0, test_timeout_s=5)
    (state / "config.toml").write_text(text)
    change(upstream.path)
    (folder,) = stand_in_program().folders
    done = subprocess.run(
        [sys.executable, "-m", "stand_in", "solve", "--repo", str(upstream.path), "--", "-x"],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 1
    assert words in done.stderr
