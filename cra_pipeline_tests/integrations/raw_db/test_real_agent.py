"""What the agent as installed leaves behind is read, merged and understood."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest

from cra_pipeline.contracts.calls import CallRecord
from cra_pipeline.harness.plans import PlannedStep, planned
from cra_pipeline.integrations.raw_db.merge import merge, merged_sources
from cra_pipeline.integrations.raw_db.outcome import LoggedCall, agent_outcome, logged_calls
from cra_pipeline_tests.integrations.raw_db.databases import rows
from cra_pipeline_tests.integrations.raw_db.real_agent import agent_python, solve

pytestmark = [pytest.mark.agent, pytest.mark.slow]

PROMPTS = "import json; from clean_room_agent.execute.prompts import SYSTEM_PROMPTS as p; "


@pytest.fixture(scope="module")
def python() -> str:
    return agent_python()


@pytest.fixture(scope="module")
def databases(python: str, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """One run of each form of planning, and one whose validation fails."""
    folder = tmp_path_factory.mktemp("agent")
    runs = {
        "monolithic": solve(python, folder / "monolithic", decomposed=False),
        "decomposed": solve(python, folder / "decomposed", decomposed=True),
        "binary": solve(python, folder / "binary", decomposed=True, binary=True),
        "failing": solve(python, folder / "failing", decomposed=False, test_command="false"),
    }
    for path, status in runs.values():
        assert agent_outcome(path).status == status
    return {name: path for name, (path, _) in runs.items()}


def test_the_full_rule_tells_success_from_failed_validation(databases: dict[str, Path]) -> None:
    found = {name: agent_outcome(path) for name, path in databases.items()}

    assert [name for name, one in found.items() if one.succeeded] == [
        "monolithic",
        "decomposed",
        "binary",
    ]
    assert found["failing"].validated is False


def test_every_database_merges_whole_and_once(databases: dict[str, Path], tmp_path: Path) -> None:
    home = tmp_path / "raw.sqlite"
    for _ in range(2):
        for name, path in databases.items():
            merge(path, home, attempt=name)

    assert [one.attempt for one in merged_sources(home)] == sorted(databases)
    assert rows(home, "PRAGMA foreign_key_check") == []
    assert rows(home, "PRAGMA integrity_check") == [("ok",)]
    logged = sum(len(logged_calls(path)) for path in databases.values())
    assert len(logged_calls_of_home(home)) == logged
    for table in ("task_runs", "run_attempts", "session_archives", "orchestrator_passes"):
        sql = f"SELECT count(*) FROM {table}"  # noqa: S608  # our own name
        count = sum(rows(path, sql)[0][0] for path in databases.values())

        assert rows(home, sql) == [(count,)]


def logged_calls_of_home(home: Path) -> list[tuple[object, ...]]:
    return rows(home, "SELECT prompt FROM retrieval_llm_calls")


def test_the_agent_goes_on_writing_into_the_home(
    python: str, databases: dict[str, Path], tmp_path: Path
) -> None:
    home = tmp_path / ".clean_room" / "raw.sqlite"
    merge(databases["monolithic"], home, attempt="a")
    script = (
        "from pathlib import Path; from clean_room_agent.db.connection import get_connection; "
        "from clean_room_agent.db.raw_queries import insert_audit_event; "
        f"c = get_connection('raw', repo_path=Path({str(tmp_path)!r})); "
        "insert_audit_event(c, 'test', 'note'); c.commit(); c.close()"
    )
    subprocess.run([python, "-c", script], check=True)
    merge(databases["failing"], home, attempt="b")

    assert rows(home, "SELECT count(*) FROM audit_events WHERE component = 'test'") == [(1,)]
    assert [one.attempt for one in merged_sources(home)] == ["a", "b"]


def as_record(number: int, call: LoggedCall, kinds: dict[str, str]) -> CallRecord:
    return CallRecord(
        attempt="a",
        number=number,
        call_kind=kinds.get(call.system_prompt, "scope"),
        system=call.system_prompt,
        prompt=call.prompt,
        response=call.response,
        thinking=call.thinking,
        prompt_tokens=call.prompt_tokens,
        completion_tokens=call.completion_tokens,
        latency_ms=call.latency_ms,
        responder="fixed",
        model=call.model,
        temperature=0.0,
        seed=0,
        finish="stop",
        error="",
    )


@pytest.mark.parametrize("form", ["monolithic", "decomposed", "binary"])
def test_the_plan_is_read_from_the_agents_real_prompts(
    python: str, databases: dict[str, Path], form: str
) -> None:
    script = f"{PROMPTS} print(json.dumps({{text: name for name, text in p.items()}}))"
    told = subprocess.run([python, "-c", script], capture_output=True, check=True)
    kinds = json.loads(told.stdout)
    calls = [as_record(at, call, kinds) for at, call in enumerate(logged_calls(databases[form]))]

    assert planned(calls) == (
        PlannedStep(id="p1:s1", files=("till.py",), symbols=("total",), depends_on=()),
        PlannedStep(id="p1:s2", files=("till.py",), symbols=("total",), depends_on=("p1:s1",)),
        PlannedStep(
            id="p2:s1", files=("shop.py",), symbols=("total",), depends_on=("p1:s1", "p1:s2")
        ),
    )
